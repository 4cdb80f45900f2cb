import type { StoredPublication } from '../../../events/index.ts';
import type { Style } from '../terminal/style.ts';
import { ageOf, cut, table } from '../terminal/table.ts';
import { harmless } from '../terminal/text.ts';

const mostOfError = 100;

/** A publication per line, without its payload. Listeners are whole, so that they can be given to the command. */
export function publicationTable(publications: readonly StoredPublication[], style: Style): string {
  const rows = publications.map(({ number, listener, event, state, attempts, publishedAt, lastError }) => [
    number,
    harmless(listener),
    harmless(event),
    state,
    String(attempts),
    ageOf(publishedAt),
    cut(lastError ?? '', mostOfError) || '-',
  ]);
  return table(['NUMBER', 'LISTENER', 'EVENT', 'STATE', 'ATTEMPTS', 'AGE', 'LAST ERROR'], rows, style);
}
