// Reads that share connections, with a part of what keeps them right taken out.
import type { Mutant } from './mutants.ts';

const tests = ['integration/shared-reads.test.ts'];
const flight = 'reads/read-flight.ts';

export const sharedReadsMutants: readonly Mutant[] = [
  {
    name: 'answers handed to the neighbour',
    file: flight,
    find: 'await exchanges[index]?.catch(unsent)',
    replace: 'await exchanges[exchanges.length - 1 - index]?.catch(unsent)',
    tests,
  },
  {
    name: 'as many as there are in one write',
    file: 'reads/shared-reads.ts',
    find: 'const mostTogether = 8;',
    replace: 'const mostTogether = 800;',
    tests,
  },
  {
    name: 'a slow text travels',
    file: 'reads/shared-reads.ts',
    find: ' && pace.mean < quick',
    replace: '',
    tests,
  },
  {
    name: 'one that fails fails its neighbours',
    file: flight,
    find: "else read.settle(failure === undefined ? results : 'again');",
    replace:
      'else if (failure === undefined) read.settle(results); else for (const each of this.#reads) each.fail(failure.error);',
    tests,
  },
  {
    name: 'what may have written is sent again',
    file: flight,
    find: "failure.reached !== 'unsent' && mayCall(read.statement.text)",
    replace: 'false',
    tests,
  },
  {
    name: 'what may write waits behind a lock',
    file: flight,
    find: 'if (callers.length > 0) this.#cancel();',
    replace: '',
    tests,
  },
];
