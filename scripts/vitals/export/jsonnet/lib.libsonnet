// What _config means. Rules, alerts and dashboards are data; whatever of them _config changes is asked for here.
local known = import 'known.libsonnet';

function(config)
  local fail(where, problem) = error 'agent-vitals: _config.%s: %s' % [where, problem];
  local every(conditions) = std.length([true for condition in conditions if !condition]) == 0;
  local listed(names) = std.join(', ', std.sort(names));
  local inside(object, where, name) =
    if std.objectHas(object, name) then object[name]
    else fail(where + '.' + name, 'there is none; there are ' + listed(std.objectFields(object)));

  // Plain digits, without an exponent and without what a binary fraction leaves behind: 14.4 * 0.001 is 0.0144.
  local zeros = ['', '0', '00', '000', '0000', '00000', '000000', '0000000', '00000000', '000000000', '0000000000', '00000000000'];
  local plain(value, digits=0, power=1) =
    local whole = std.floor(value);
    local part = std.floor((value - whole) * power + 0.5);
    local text = '' + part;
    local close = std.max(5e-13, whole * 4e-16);
    if digits < 12 && std.abs(part / power - (value - whole)) > close then plain(value, digits + 1, power * 10)
    else if digits == 0 then '' + (whole + part)
    else '' + whole + '.' + zeros[digits - std.length(text)] + text;
  // The pattern of a bucket's bound, which Prometheus 2 keeps as the app wrote it, and 3 writes as 5.0.
  local pattern(text) =
    if std.member(text, '.') then std.join('[.]', std.split(text, '.')) else text + '([.]0)?';
  local seconds(where, duration) =
    local unit = std.substr(duration, std.length(duration) - 1, 1);
    local number = std.substr(duration, 0, std.length(duration) - 1);
    local factor = { s: 1, m: 60 };
    if std.objectHas(factor, unit) && number != '' && every([std.member('0123456789', x) for x in std.stringChars(number)])
    then std.parseInt(number) * factor[unit]
    else fail(where, "'%s' is not a duration such as 30s or 1m" % duration);

  local matchers(labels) =
    std.join('', [', ' + name + '=' + std.escapeStringJson(labels[name]) for name in std.objectFields(labels)]);
  local selection(matchers) = if matchers == '' then '' else '{' + std.substr(matchers, 2, std.length(matchers)) + '}';
  local raw = if config.selector == '' then '' else ', ' + config.selector;
  local own = matchers(config.recordLabels);
  local shown = if config.dashboards.selector == '' then '' else ', ' + config.dashboards.selector;
  local told(matchers) =
    local quoted = std.strReplace(std.strReplace(matchers, '\\', '\\\\'), '"', '\\"');
    std.strReplace(quoted, '%', '%%');
  // Locals are worked out once, fields each time they are read: some jsonnets take their time.
  local allRaw = selection(raw), allOwn = selection(own), allShown = selection(shown), allShownRaw = selection(raw + shown);
  local andTold = told(own), allTold = told(allOwn);
  local interval = '' + seconds('intervals.rules', config.intervals.rules);
  local here(profile) = config.profileLabel + '="' + profile + '"' + own;

  local severity(name) = if std.objectHas(config.severities, name) then config.severities[name] else name;
  local named(labels) = {
    [if name == 'profile' then config.profileLabel else name]:
      if name == 'severity' then severity(labels[name]) else labels[name]
    for name in std.objectFields(labels)
  };

  local limitOf(profile, name, where) =
    local value = where[name];
    local limits = inside(known.thresholds, 'thresholds', profile);
    local key = 'thresholds.' + profile + '.' + name;
    if !std.objectHas(limits, name)
    then fail(key, 'limits nothing there; this profile may have ' + listed(std.objectFields(limits)))
    else if !std.isNumber(value) then fail(key, 'is not a number')
    else if value < 0 then fail(key, 'a limit cannot be below 0')
    else if std.objectHas(limits[name], 'max') && value > limits[name].max
    then fail(key, '%s is beyond the highest bucket, %s: no quantile can pass it'
                   % [plain(value), plain(limits[name].max)])
    else if std.objectHas(limits[name], 'oneOf') && !std.member(limits[name].oneOf, value)
    then fail(key, '%s is not one of the buckets %s' % [plain(value), std.join(', ', std.map(plain, limits[name].oneOf))])
    else plain(value);

  local sloOf(profile, name) =
    local key = 'slos.%s.%s' % [profile, name];
    local slo = config.slos[profile][name];
    local facts = known.slos[profile][name];
    local limits = config.thresholds[profile];
    local promised =
      if std.objectHas(facts, 'buckets') then slo.within_seconds
      else if facts.promiseIsBad then 1 - slo.objective
      else slo.objective;
    if !std.isNumber(slo.objective) || slo.objective < 0.5 || slo.objective >= 1
    then fail(key + '.objective', 'is a share of at least 0.5 and below 1')
    else if std.objectHas(facts, 'buckets') && !std.member(facts.buckets, slo.within_seconds)
    then fail(key + '.within_seconds',
              '%s is not one of the buckets %s' % [plain(slo.within_seconds), std.join(', ', std.map(plain, facts.buckets))])
    else if std.objectHas(limits, facts.promise) && plain(limits[facts.promise]) != plain(promised)
    then fail(key, 'contradicts thresholds.%s.%s: %s there, %s here'
                   % [profile, facts.promise, plain(limits[facts.promise]), plain(promised)])
    else slo;

  local changes = {
    [name]:
      if !std.member(known.alerts, name) then fail('alerts.' + name, 'there is no such alert')
      else
        local odd = std.setDiff(std.objectFields(config.alerts[name]), ['enabled', 'for', 'keep_firing_for', 'severity']);
        if odd == [] then config.alerts[name]
        else fail('alerts.%s.%s' % [name, odd[0]], 'there are enabled, for, keep_firing_for, severity')
    for name in std.objectFields(config.alerts)
  };
  // A variant for one profile or job stays as it is: it was asked for by name.
  local variant(rule) = std.objectHas(rule.labels, 'profile') || std.objectHas(rule.labels, 'job');
  local enabled(rule) =
    !(std.objectHas(changes, rule.alert) && std.objectHas(changes[rule.alert], 'enabled') && !changes[rule.alert].enabled);
  local changed(rule) =
    local change = if variant(rule) || !std.objectHas(changes, rule.alert) then {} else changes[rule.alert];
    local result = rule {
      [name]: change[name]
      for name in std.objectFields(change)
      if name != 'enabled' && name != 'severity'
    } + { labels+: if std.objectHas(change, 'severity') then { severity: change.severity } else {} };
    {
      [name]: if name == 'labels' then named(result.labels) + config.alertLabels else result[name]
      for name in std.objectFields(result)
      if name != 'for' || result['for'] != '0m'
    };

  // What is not among the profiles would change nothing, and nobody would know.
  assert every([
    inside(known.thresholds, part, profile) != null
    for part in ['thresholds', 'slos']
    for profile in std.objectFields(config[part])
  ]);
  assert every([
    inside(known.slos[profile], 'slos.' + profile, slo) != null
    for profile in std.objectFields(config.slos)
    for slo in std.objectFields(config.slos[profile])
  ]);
  assert every([std.type(changes[name]) == 'object' for name in std.objectFields(changes)]);

  {
    // --- of expressions
    profile: config.profileLabel,
    // Matchers of one profile's metrics as they are scraped, and of its recorded series.
    raw(profile):: config.profileLabel + '="' + profile + '"' + raw,
    here(profile):: here(profile),
    // Further matchers, to stand behind others (and…) or alone (all…).
    andRaw: raw,
    allRaw: allRaw,
    and: own,
    all: allOwn,
    // The same on dashboards: of metrics as they are scraped, and of what is recorded.
    andShownRaw: raw + shown,
    allShownRaw: allShownRaw,
    andShown: shown,
    allShown: allShown,
    // In a query that stands in the text of an alert.
    andTold: andTold,
    allTold: allTold,
    severity:: severity,
    seconds: interval,
    interval(name):: if seconds('intervals.' + name, config.intervals[name]) > 0 then config.intervals[name],
    runbooks: config.runbooks,
    grafana: config.grafana,

    // --- of rules
    groups(groups):: [group for group in groups if std.length(group.rules) > 0],
    records(rules):: [
      local labels = named(if std.objectHas(rule, 'labels') then rule.labels else {}) + config.recordLabels;
      rule { [if labels != {} then 'labels']: labels }
      for rule in rules
    ],
    alerts(rules):: [changed(rule) for rule in rules if enabled(rule)],

    // The limits of a profile's apps, but for those of config.apps that have their own.
    thresholds(profile)::
      local limits = config.thresholds[profile];
      local own = here(profile);
      local others(name) =
        local jobs = [
          job
          for job in std.objectFields(config.apps)
          if std.objectHas(config.apps[job], 'thresholds') && std.objectHas(config.apps[job].thresholds, name)
        ];
        if jobs == [] then '' else ', job!~"%s"' % std.join('|', jobs);
      [
        {
          record: 'job:' + name + ':threshold',
          expr: 'group by (job) (job:app:info{' + own + others(name) + '}) * ' + limitOf(profile, name, limits),
          labels: { profile: profile },
        }
        for name in std.objectFields(limits)
      ],
    apps()::
      [
        { record: 'job:app:expected', expr: 'vector(1)', labels: { job: job, profile: config.apps[job].profile } }
        for job in std.objectFields(config.apps)
        if std.type(inside(known.thresholds, 'apps.%s.profile' % job, config.apps[job].profile)) == 'object'
      ] + [
        {
          record: 'job:' + name + ':threshold',
          expr: 'vector(' + limitOf(config.apps[job].profile, name, config.apps[job].thresholds) + ')',
          labels: { job: job, profile: config.apps[job].profile },
        }
        for job in std.objectFields(config.apps)
        if std.objectHas(config.apps[job], 'thresholds')
        for name in std.objectFields(config.apps[job].thresholds)
      ],
    bound(profile, name):: pattern(limitOf(profile, name, config.thresholds[profile])),

    objective(profile, slo):: plain(sloOf(profile, slo).objective),
    within(profile, slo):: pattern(plain(sloOf(profile, slo).within_seconds)),
    // The share of bad events at which a burn counts; a large budget leaves it halfway between budget and everything.
    burn(profile, slo, factor)::
      local budget = 1 - sloOf(profile, slo).objective;
      plain(std.min(factor * budget, (1 + budget) / 2)),

    // --- of dashboards
    dashboard(model)::
      local given(name) = if config.dashboards[name] != null then { [name]: config.dashboards[name] } else {};
      local source(variable) =
        local name = { prometheus: config.dashboards.datasource, elasticsearch: config.dashboards.logsource };
        if variable.type == 'datasource' && name[variable.query] != null
        then { current: { text: name[variable.query], value: name[variable.query] } }
        else {};
      model + given('tags') + given('refresh') + {
        templating+: {
          list: [variable + source(variable) for variable in super.list] + config.dashboards.variables,
        },
      },
  }
