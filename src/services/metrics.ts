import type { Metric } from '../types';
import type { IChannel } from './channel';
import type { TopicData } from './snapshots';
import { TopicModel } from './topic';

/** Points that tell how long a step takes now. */
const RECENT = 50;

/** One line of a chart. `x` is the step, or the number of the point where none was given; null: not finite. */
export interface ISeries {
  replica: string;
  x: number[];
  y: (number | null)[];
}

/** What a job has reported. */
export class MetricsModel extends TopicModel {
  constructor(id: string, channel: IChannel) {
    super(channel, `metrics/${id}`);
  }

  /** All points, oldest first. */
  get points(): readonly Metric[] {
    return this._points;
  }

  /** Names of the metrics, in the order in which they first came. */
  get names(): readonly string[] {
    return [...this._names];
  }

  /** The lines of a metric, one for each replica that reported it. */
  series(name: string): readonly ISeries[] {
    const found = new Map<string, ISeries>();
    for (const { replica, step, values } of this._points) {
      if (name in values) {
        const series = found.get(replica) ?? { replica, x: [], y: [] };
        series.x.push(step ?? series.x.length);
        series.y.push(values[name]);
        found.set(replica, series);
      }
    }
    return [...found.values()];
  }

  /** How long a step takes one replica: the median of its newest ones; null where the points have no steps that go on. */
  get secondsPerStep(): number | null {
    const first = this._points.find(({ step }) => step !== null)?.replica;
    const points = this._points.filter(({ step, replica }) => step !== null && replica === first).slice(-RECENT);
    const paces = points.slice(1).flatMap(({ step, time }, index) => {
      const steps = step! - points[index].step!;
      return steps > 0 ? [(time - points[index].time) / steps] : [];
    });
    return paces.sort((one, other) => one - other)[Math.floor(paces.length / 2)] ?? null;
  }

  protected take(data: TopicData): boolean {
    if (data.type === 'metrics') {
      this._points = [];
      this._names.clear();
    } else if (data.type !== 'metricsChanged') {
      return false;
    }
    this._points = this._points.concat(data.metrics);
    data.metrics.forEach(({ values }) => Object.keys(values).forEach(name => this._names.add(name)));
    return true;
  }

  private readonly _names = new Set<string>();
  private _points: readonly Metric[] = [];
}
