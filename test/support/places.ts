import { expect } from 'vitest';
import type { InterleaveReport } from '../../src/testing/index.ts';

const endsTransaction = /^(?:COMMIT|ROLLBACK)$/;

/**
 * Asserts that the report knows the places of all statements of its anomaly: actors that read in one line of a file, and write,
 * and perhaps read again, in one further down. What ends transactions may come from another file of the tests.
 * @param file matches the end of the path of the file
 */
export function assertPlaces(report: InterleaveReport, file: RegExp): void {
  const [anomaly] = report.anomalies;
  const steps = (anomaly?.steps ?? []).filter(({ text }) => !endsTransaction.test(text));
  const ends = (anomaly?.steps ?? []).filter(({ text }) => endsTransaction.test(text));
  for (const actor of new Set(steps.map((step) => step.actor))) {
    const [first, ...others] = steps.filter((step) => step.actor === actor).map(({ place }) => lineIn(place, file));
    expect(first, report.toString()).toBeGreaterThan(0);
    expect(new Set(others).size, report.toString()).toBe(1);
    expect(others[0], report.toString()).toBeGreaterThan(first ?? 0);
  }
  for (const { place } of ends) expect(lineIn(place, /[\\/]test[\\/].*\.ts$/), report.toString()).toBeGreaterThan(0);
  expect(lineIn(anomaly?.pair?.usedAt, file), report.toString()).toBeGreaterThan(lineIn(anomaly?.pair?.readAt, file));
}

function lineIn(place: string | undefined, file: RegExp): number {
  const [, path = '', line] = /^(.*):(\d+):\d+$/.exec(place ?? '') ?? [];
  return file.test(path) ? Number(line) : Number.NaN;
}
