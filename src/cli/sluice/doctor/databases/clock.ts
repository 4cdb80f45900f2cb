import { duration } from '../../terminal/text.ts';
import type { Finding } from '../finding.ts';

/** Clocks that differ by more than this are a finding; in milliseconds. */
const tolerated = 1_000;
const questions = 3;

/**
 * Holds the clock of this machine against that of a server. Of some answers the fastest counts: how long it took is how far the
 * result may be off.
 * @param ask gives the time of the server in milliseconds since 1970
 */
export async function clockFindings(now: () => number, ask: () => Promise<number>): Promise<readonly Finding[]> {
  let best: { readonly offset: number; readonly doubt: number } | undefined;
  for (let index = 0; index < questions; index += 1) {
    const [before, began] = [now(), performance.now()];
    const there = await ask();
    const doubt = (performance.now() - began) / 2;
    if (best === undefined || doubt < best.doubt) best = { offset: there - (before + doubt), doubt };
  }
  if (best === undefined || Number.isNaN(best.offset) || Math.abs(best.offset) - best.doubt <= tolerated) return [];
  const isAhead = best.offset > 0;
  return [
    {
      code: 'CLOCK_OFFSET',
      severity: 'warning',
      what: `The clock of the server is ${duration(Math.abs(best.offset))} ${isAhead ? 'ahead of' : 'behind'} that of this machine`,
      remedy:
        'Let both follow a time server (chrony, systemd-timesyncd); due times of jobs and ages in logs are off until then',
    },
  ];
}
