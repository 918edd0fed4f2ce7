// Prints the ids that Grafana resolves at run time, so that a test can tell a wrong one. In this folder:
//   npm install --no-save --ignore-scripts @grafana/data react react-dom && node ids.cjs > ids.json
globalThis.navigator ??= { language: 'en', languages: ['en'] }; // the package asks a browser for its language
const data = require('@grafana/data');
const lists = {
  units: data.getValueFormats().flatMap((group) => group.submenu.map((unit) => unit.value)),
  calculations: Object.values(data.ReducerID).filter((id) => !/^p\d+$/.test(id)),
  transformations: Object.values(data.DataTransformerID),
  matchers: Object.values(data.FieldMatcherID),
  colors: Object.values(data.FieldColorModeId),
};
const version = require('@grafana/data/package.json').version;
const lines = Object.entries(lists).map(([name, ids]) => ` "${name}": ${JSON.stringify(ids)}`);
process.stdout.write(`{\n "version": "${version}",\n${lines.join(',\n')}\n}\n`);
