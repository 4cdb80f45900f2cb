import type uPlot from 'uplot';
import { el, setText } from '../parts/dom.ts';
import { cut } from '../parts/format.ts';
import type { Figure } from './figures.ts';
import { withGaps } from './gaps.ts';

// Loaded by the page before this, as a script.
const Plot = (globalThis as unknown as { readonly uPlot: typeof uPlot }).uPlot;

const height = 150;

/** Of what is shown: until when, how much before that, and the longest pause that is none, in milliseconds. */
export interface Shown {
  readonly now: number;
  readonly span: number;
  readonly longest: number;
}

/** A plot with its title, and a legend that says in words what is drawn: the last values, or those under the pointer. */
export class FigurePlot<Moment extends { readonly at: number }> {
  readonly element: HTMLElement;
  readonly #figure: Figure<Moment>;
  readonly #plot: uPlot;
  readonly #values: readonly HTMLElement[];

  constructor(figure: Figure<Moment>) {
    this.#figure = figure;
    this.#values = figure.lines.map(() => el('span', { class: 'value' }));
    const place = el('div', { class: 'plot', 'aria-hidden': true });
    const legend = figure.lines.map(({ label, colour }, index) =>
      el('li', {}, el('span', { class: `swatch colour-${colour}` }), `${cut(label, 30)} `, this.#values[index]),
    );
    this.element = el(
      'figure',
      { class: 'card' },
      el('figcaption', {}, figure.title),
      place,
      el('ul', { class: 'legend' }, ...legend),
    );
    this.#plot = new Plot(this.#options(), [[], ...figure.lines.map(() => [])], place);
  }

  /** Shows moments, in order. */
  show(moments: readonly Moment[], { now, span, longest }: Shown): void {
    const drawn = withGaps(moments, longest);
    const times = drawn.map(({ at }) => at / 1_000);
    const columns = this.#figure.lines.map(({ value }) =>
      drawn.map(({ moment }) => (moment === undefined ? null : (value(moment) ?? null))),
    );
    this.#plot.setData([times, ...columns], false);
    this.#plot.setScale('x', { min: (now - span) / 1_000, max: now / 1_000 });
    this.#tell();
  }

  /** Fits the plot to the room that it has; without any it stays as it is. */
  resize(): void {
    const width = this.#plot.root.parentElement?.clientWidth ?? 0;
    if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height });
  }

  /** Draws it again, in other colours. */
  redraw(): void {
    this.#plot.redraw(false, true);
  }

  remove(): void {
    this.#plot.destroy();
    this.element.remove();
  }

  #tell(): void {
    const { data, cursor } = this.#plot;
    for (const [index, element] of this.#values.entries()) {
      const column = data[index + 1] ?? [];
      const value = column[cursor.idx ?? column.length - 1];
      setText(element, value === null || value === undefined ? 'none' : this.#figure.write(value));
    }
  }

  #options(): uPlot.Options {
    const { lines, write } = this.#figure;
    return {
      width: 320,
      height,
      legend: { show: false },
      cursor: { drag: { setScale: false, x: false, y: false }, sync: { key: 'time' }, points: { show: false } },
      scales: { y: { range: (_plot, _min, max) => [0, Math.max(max * 1.1, 1)] } },
      axes: [
        {
          stroke: () => colour('--faint'),
          grid: { stroke: () => colour('--line'), width: 1 },
          ticks: { show: false },
          font,
          size: 24,
          space: 70,
          values: (_plot, ticks) => timesOfDay(ticks),
        },
        {
          stroke: () => colour('--faint'),
          grid: { stroke: () => colour('--line'), width: 1 },
          ticks: { show: false },
          font,
          size: 58,
          space: 34,
          incrs: wholeSteps,
          values: (_plot, ticks) => ticks.map((tick) => write(tick)),
        },
      ],
      series: [
        {},
        ...lines.map((line) => ({
          label: line.label,
          width: 1.5,
          stroke: () => colour(`--colour-${line.colour}`),
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [() => this.#tell()] },
    };
  }
}

const font = '11px system-ui, sans-serif';
/** No two numbers of an axis are the same once they are written, which is without parts of one. */
const wholeSteps = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();
const clock = { hour: '2-digit', minute: '2-digit', hour12: false } as const;
const minutes = new Intl.DateTimeFormat(undefined, clock);
const seconds = new Intl.DateTimeFormat(undefined, { ...clock, second: '2-digit' });

function timesOfDay(ticks: readonly number[]): string[] {
  const [first = 0, second = first + 60] = ticks;
  const format = second - first < 60 ? seconds : minutes;
  return ticks.map((tick) => format.format(tick * 1_000));
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
