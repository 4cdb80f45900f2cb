// Pipelining with a part of what keeps it right taken out.
import type { Mutant } from './mutants.ts';

const tests = ['integration/pipelining.test.ts'];

export const pipeliningMutants: readonly Mutant[] = [
  {
    name: 'answers handed to the neighbour',
    file: 'drivers/postgres/exchange/flight.ts',
    find: 'return this.#parts[this.#current];',
    replace: 'return this.#parts[this.#parts.length - 1 - this.#current];',
    tests,
  },
  {
    name: 'a Sync behind each, where a BEGIN may fail',
    file: 'drivers/postgres/exchange/flight.ts',
    find: 'if (index > 0) write.to.flush();',
    replace: 'if (index > 0) write.to.sync();',
    tests,
  },
  {
    name: 'a Sync left out',
    file: 'drivers/postgres/exchange/flight.ts',
    find: 'write.to.sync();',
    replace: 'if (this.#parts.length === 1) write.to.sync(); else write.to.flush();',
    tests,
  },
  {
    name: 'what was skipped counts as run',
    file: 'drivers/postgres/exchange/exchange.ts',
    find: 'this.#wasSkipped = true;',
    replace: 'this.#wasSkipped = false;',
    tests,
  },
  {
    name: 'what was skipped counts as parsed',
    file: 'drivers/postgres/exchange/exchange.ts',
    find: 'this.#wasSkipped = true;\n    this.#forgetParsed();',
    replace: 'this.#wasSkipped = true;',
    tests,
  },
  {
    name: 'a transaction that the server has not confirmed is followed by another write',
    file: 'drivers/postgres/exchange/sent-ahead.ts',
    find: 'if (last?.isOpen !== true && !hasBegun) return false;',
    replace: '',
    tests,
  },
  {
    name: 'a name that another write has to give is used',
    file: 'drivers/postgres/exchange/sent-ahead.ts',
    find: ' && !isNamedIn(written, stepsOf(statements))',
    replace: '',
    tests,
  },
  {
    name: 'a name that another write has to give is used by what is sent again',
    file: 'drivers/postgres/exchange/connection.ts',
    find: 'this.#flights.length > 0 && isNamedIn(this.#flights, steps)',
    replace: 'false',
    tests,
  },
  {
    name: 'what may be taken back is sent ahead',
    file: 'connection/transaction-connection.ts',
    find: '!this.#mayBeFollowed || isAlone === true || ',
    replace: '!this.#mayBeFollowed || ',
    tests,
  },
  {
    name: 'statements overtake those that wait',
    file: 'connection/turns.ts',
    find: 'if (turn.work === undefined || !followed.sendAhead(turn.work)) return;',
    replace: 'if (turn.work === undefined || !followed.sendAhead(turn.work)) continue;',
    tests,
  },
];
