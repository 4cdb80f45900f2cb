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

const onMariadb = ['engines/mariadb-pipelining.test.ts'];

export const mariadbPipeliningMutants: readonly Mutant[] = [
  {
    name: 'answers handed to the neighbour',
    file: 'drivers/mysql/wire/pipeline.ts',
    find: 'this.#awaited.push({ command, part, at, answerBegins: connection.sequenceId });',
    replace: 'this.#awaited.splice(1, 0, { command, part, at, answerBegins: connection.sequenceId });',
    tests: onMariadb,
  },
  {
    name: 'what ran without its BEGIN counts as run',
    file: 'drivers/mysql/exchange/connection.ts',
    find: 'sent?.transaction !== this.#session.transaction',
    replace: 'sent?.transaction === undefined',
    tests: onMariadb,
  },
  {
    name: 'what a rollback does not undo is sent ahead',
    file: 'drivers/mysql/sql/inspect.ts',
    find: 'isAllOrNothing(text) && !outlasting.test(text)',
    replace: 'text !== ""',
    tests: onMariadb,
  },
  {
    name: 'a batch is sent ahead as if it were one statement',
    file: 'drivers/mysql/exchange/sent-ahead.ts',
    find: 'statement === undefined || statements.length > 1 || ',
    replace: 'statement === undefined || ',
    tests: onMariadb,
  },
  {
    name: 'what runs next is not cancelled',
    file: 'drivers/mysql/exchange/connection.ts',
    find: 'this.#ahead.isUnderWay ? () => this.#ahead.awaitNext(nextCancel) : undefined',
    replace: 'undefined',
    tests: onMariadb,
  },
  {
    name: 'a refusal of what another was to prepare counts as its own',
    file: 'drivers/mysql/exchange/connection.ts',
    find: 'if (sent.flight.lacksPrepared(answer)) return await this.#start(steps);',
    replace: '',
    tests: onMariadb,
  },
  {
    name: 'a request to cancel hits what comes next',
    file: 'connection/transaction-connection.ts',
    find: 'this.#cancelling = cancelling;\n    await',
    replace: 'await',
    tests: onMariadb,
  },
];
