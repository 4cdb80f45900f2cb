import pg from 'pg';

/** What a value becomes on its way to the server. */
type PrepareValue = (value: unknown) => string | Buffer | null;

/** As much of a connection as a query of pg writes to when it is prepared. */
interface Recorder {
  bind(message: { readonly valueMapper?: PrepareValue }): void;
  parse(): void;
  describe(): void;
  execute(): void;
  sync(): void;
  readonly parsedStatements: object;
}

const { utils } = pg as unknown as { readonly utils?: { readonly prepareValue: PrepareValue } };

/** How pg turns a JavaScript value into text for the server; `@types/pg` does not name it. */
export const prepareValue: PrepareValue = utils?.prepareValue ?? ofQueries();

/** Before 8.15 pg keeps it to itself, and gives it to the connection with each query alone. */
function ofQueries(): PrepareValue {
  let found: PrepareValue | undefined;
  const connection: Recorder = {
    bind: ({ valueMapper }) => (found = valueMapper),
    parse() {},
    describe() {},
    execute() {},
    sync() {},
    parsedStatements: {},
  };
  const query = new pg.Query('select $1', [null]) as unknown as { prepare(connection: Recorder): void };
  query.prepare(connection);
  if (found === undefined) throw new TypeError('pg has no prepareValue');
  return found;
}
