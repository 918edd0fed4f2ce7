// Grafana's official types, so turned that a dashboard's JSON can be held against them:
// an enum is also the text that it stands for, and a field may be left out, since Grafana fills in its default.
import type { Dashboard, DataTransformerConfig, FieldConfig, MatcherConfig, Panel, RowPanel, VariableModel } from '@grafana/schema';
import type * as AnnotationsList from '@grafana/schema/dist/esm/raw/composable/annotationslist/panelcfg/x/AnnotationsListPanelCfg_types.gen';
import type * as BarChart from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type * as BarGauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as DashboardList from '@grafana/schema/dist/esm/raw/composable/dashboardlist/panelcfg/x/DashboardListPanelCfg_types.gen';
import type * as Gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import type * as Heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as Histogram from '@grafana/schema/dist/esm/raw/composable/histogram/panelcfg/x/HistogramPanelCfg_types.gen';
import type * as Logs from '@grafana/schema/dist/esm/raw/composable/logs/panelcfg/x/LogsPanelCfg_types.gen';
import type * as PieChart from '@grafana/schema/dist/esm/raw/composable/piechart/panelcfg/x/PieChartPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as StateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as StatusHistory from '@grafana/schema/dist/esm/raw/composable/statushistory/panelcfg/x/StatusHistoryPanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as Text from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type * as XYChart from '@grafana/schema/dist/esm/raw/composable/xychart/panelcfg/x/XYChartPanelCfg_types.gen';

type None = Record<string, never>;

/** Panel type → its options, and its own field options. A type that is not here is none of Grafana's today. */
interface Types {
  annolist: [AnnotationsList.Options, None];
  barchart: [BarChart.Options, BarChart.FieldConfig];
  bargauge: [BarGauge.Options, None];
  dashlist: [DashboardList.Options, None];
  gauge: [Gauge.Options, None];
  heatmap: [Heatmap.Options, Heatmap.FieldConfig];
  histogram: [Histogram.Options, Histogram.FieldConfig];
  logs: [Logs.Options, None];
  piechart: [PieChart.Options, PieChart.FieldConfig];
  stat: [Stat.Options, None];
  'state-timeline': [StateTimeline.Options, StateTimeline.FieldConfig];
  'status-history': [StatusHistory.Options, StatusHistory.FieldConfig];
  table: [Table.Options, Table.FieldConfig];
  text: [Text.Options, None];
  timeseries: [TimeSeries.Options, TimeSeries.FieldConfig];
  xychart: [XYChart.Options, XYChart.FieldConfig];
}

type Written<T> =
  T extends string ? `${T}` :
  T extends boolean | null | undefined ? T :
  T extends number ? (`${T}` extends `${infer N extends number}` ? N : never) :
  T extends (infer Item)[] ? Written<Item>[] :
  T extends object ? { [K in keyof T]?: Written<T[K]> } :
  T;

type Source = { type: string; uid: string };
// What each datasource asks for is not in @grafana/schema.
type Query = { refId: string; datasource: Source; [more: string]: unknown };

type Standard = Omit<Written<FieldConfig>, 'custom' | 'links'> & { links?: { title: string; url: string; targetBlank?: boolean }[] };
/** A property that an override sets: one of the standard options, or one of the panel's own. */
type Property<Own> =
  | { [K in keyof Standard]-?: { id: K; value: Standard[K] } }[keyof Standard]
  | { [K in keyof Own & string]-?: { id: `custom.${K}`; value: Own[K] } }[keyof Own & string];

type Override<Own> = { matcher: MatcherConfig; properties: Property<Own>[] };

export type PanelOf<T extends keyof Types> =
  Omit<Written<Panel>, 'datasource' | 'fieldConfig' | 'gridPos' | 'id' | 'options' | 'targets' | 'title' | 'transformations' | 'type'> & {
    type: T;
    id: number;
    title: string;
    gridPos: { h: number; w: number; x: number; y: number };
    options?: Written<Types[T][0]>;
    fieldConfig?: { defaults: Standard & { custom?: Written<Types[T][1]> }; overrides: Override<Written<Types[T][1]>>[] };
    transformations?: DataTransformerConfig[];
  } & (T extends 'annolist' | 'dashlist' | 'text' ? { datasource?: Source } : { datasource: Source; targets: Query[] });

export type RowOf = Omit<Written<RowPanel>, 'panels'> & { type: 'row'; id: number; title: string; panels: [] };

export type DashboardOf = Omit<Written<Dashboard>, 'annotations' | 'panels' | 'templating'> & {
  uid: string;
  title: string;
  schemaVersion: number;
  panels: [];
  // A query's own fields, and `definition`, which Grafana writes beside the query, are not in the official type.
  annotations: { list: (Omit<Written<NonNullable<NonNullable<Dashboard['annotations']>['list']>[0]>, 'target'> & { [more: string]: unknown })[] };
  templating: { list: (Written<VariableModel> & { definition?: string })[] };
};
