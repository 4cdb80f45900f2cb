import { recoverTwoPhase, twoPhase } from '../../src/experimental/two-phase/index.ts';
import { isolation, type Row } from './row.ts';
import { milliseconds, some, timer, words } from './values.ts';

// The clients are looked at behind the options: SQLite cannot prepare.
const clients = ['default', 'payments'] as readonly 'default'[];

export const twoPhaseRows: readonly Row[] = [
  {
    interface: 'TwoPhaseOptions',
    entrance: 'twoPhase',
    call: (options, { database }) => twoPhase(database, clients, () => {}, options),
    options: {
      isolationLevel: isolation,
      timeout: milliseconds(1, timer),
      signal: some(new AbortController().signal),
      retry: some({ attempts: 2 }),
      name: words(200),
    },
  },
  {
    interface: 'RecoverTwoPhaseOptions',
    entrance: 'recoverTwoPhase',
    call: (options, { database }) => recoverTwoPhase(database, clients, options),
    options: { abandonedAfter: milliseconds(0, timer) },
  },
];
