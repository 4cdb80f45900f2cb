import type { Point } from '../../../index.ts';
import { type Figure, gaugeFigures, pointFigures } from './figures.ts';
import { longestPause } from './gaps.ts';
import { FigurePlot } from './plot.ts';
import { type Gauge, lookBack, type Record15 } from './record.ts';

/** The least that is drawn, in milliseconds. */
const shortest = 2 * 60_000;

/** The plots, of which each is made when it is first seen. */
export class TimeView {
  readonly #parent: HTMLElement;
  readonly #record: Record15;
  #points: FigurePlot<Point>[] = [];
  #gauges: FigurePlot<Gauge>[] = [];
  /** The lines of the gauges' plots: they are made anew when those change. */
  #drawn = '';

  constructor(parent: HTMLElement, record: Record15) {
    this.#parent = parent;
    this.#record = record;
    new ResizeObserver(() => this.#resize()).observe(parent);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      for (const plot of [...this.#points, ...this.#gauges]) plot.redraw();
    });
  }

  show(now: number): void {
    if (this.#parent.closest('[hidden]') !== null) return;
    if (this.#points.length === 0) this.#points = this.#add(pointFigures);
    const { points, gauges } = this.#record;
    const figures = gaugeFigures(gauges);
    const lines = JSON.stringify(figures.map((figure) => figure.lines.map(({ label }) => label)));
    if (lines !== this.#drawn) {
      for (const plot of this.#gauges) plot.remove();
      this.#gauges = this.#add(figures);
      this.#drawn = lines;
    }
    // What has just begun is drawn over less.
    const span = Math.min(lookBack, Math.max(shortest, now - (points[0]?.at ?? now)));
    for (const plot of this.#points) plot.show(points, { now, span, longest: 1_500 });
    for (const plot of this.#gauges) plot.show(gauges, { now, span, longest: longestPause(gauges) });
  }

  #add<Moment extends { readonly at: number }>(figures: readonly Figure<Moment>[]): FigurePlot<Moment>[] {
    const plots = figures.map((figure) => new FigurePlot(figure));
    this.#parent.append(...plots.map(({ element }) => element));
    for (const plot of plots) plot.resize();
    return plots;
  }

  #resize(): void {
    for (const plot of [...this.#points, ...this.#gauges]) plot.resize();
  }
}
