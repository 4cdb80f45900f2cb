import { counted } from '../../terminal/text.ts';
import type { Finding, Settings } from '../finding.ts';

/** How many connections all processes together may open, and a sentence that says so. */
export function connectionsNeeded({ processes, budget }: Settings): { readonly needed: number; readonly text: string } {
  const needed = processes * budget;
  const who = counted(processes, 'process', 'processes');
  return { needed, text: `${who} with a budget of ${budget} may open ${counted(needed, 'connection')}` };
}

/**
 * The limits that do not do for that.
 * @param limits each with what sets it, in words
 * @param driver whose options may be lowered
 */
export function limitsTooLow(
  settings: Settings,
  limits: readonly (readonly [limit: number, why: string])[],
  driver: 'postgres()' | 'mysql()',
): readonly Finding[] {
  const { needed, text } = connectionsNeeded(settings);
  return limits
    .filter(([limit]) => limit < needed)
    .map(([limit, why]) => ({
      code: 'CONNECTIONS_SHORT',
      severity: 'error',
      what: `${text}, and there is room for ${limit} (${why})`,
      remedy: `Lower max or maxLevel of ${driver}, run fewer processes, or raise the limit`,
    }));
}
