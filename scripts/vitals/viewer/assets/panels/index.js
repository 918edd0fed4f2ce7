// Panel type → what draws it. Each is render(body, context).
import { render as bargauge } from "./bargauge.js";
import { render as gauge } from "./gauge.js";
import { render as heatmap } from "./heatmap.js";
import { render as logs } from "./logs.js";
import { render as piechart } from "./piechart.js";
import { render as stat } from "./stat.js";
import { render as stateTimeline } from "./state-timeline.js";
import { render as table } from "./table.js";
import { render as text } from "./text.js";
import { render as timeseries } from "./timeseries.js";

export const PANELS = {
  "bargauge": bargauge, "gauge": gauge, "heatmap": heatmap, "logs": logs, "piechart": piechart, "stat": stat,
  "state-timeline": stateTimeline, "table": table, "text": text, "timeseries": timeseries,
};
