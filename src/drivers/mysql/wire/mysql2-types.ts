import mysql, { type Connection as Mysql2Connection } from 'mysql2';
import { hideNames } from './column-names.ts';

/**
 * The parts of mysql2 that its commands are written against, and which its types do not name. A command of
 * one's own is given to a connection as those of mysql2 are.
 */
export interface CommandConnection {
  readonly stream: {
    readonly destroyed: boolean;
    pause(): unknown;
    destroy(error?: Error): unknown;
    on(event: 'data', listener: () => void): unknown;
    once(event: 'close', listener: () => void): unknown;
  };
  readonly packetParser: PacketParser;
  /** What is under way. */
  readonly _command: Command | undefined;
  readonly threadId: number | null;
  readonly _handshakePacket: { readonly serverVersion: string } | null;
  /** Of the next packet, sent or received; begins at 0 with each command. */
  sequenceId: number;
  readonly _statements: { get(key: string): PreparedStatement | undefined };
  write(buffer: Buffer): void;
  addCommand(command: Command): unknown;
}

/** Cuts what comes into packets. */
export interface PacketParser {
  /** What there is of a packet that is not all there, behind its length: its sequence number and its content. */
  readonly buffer: readonly Buffer[];
  readonly bufferLength: number;
  /** What there is of a packet that comes in several. */
  readonly largePacketParts: readonly Buffer[];
}

/** A packet of the server, which is valid until the next one. */
export interface Packet {
  readonly sequenceId: number;
  /** A long one comes in several. */
  readonly numPackets: number;
  /** In bytes. */
  length(): number;
  isEOF(): boolean;
  eofStatusFlags(): number;
}

/** What a connection calls: without a packet to send, then with each packet of the answer until it says that it is done. */
export interface Command {
  execute(packet: Packet | undefined, connection: CommandConnection): boolean;
  /** Is also told that the connection is lost. */
  onResult?: ResultCallback | undefined;
}

export type ResultCallback = (error: Error | null, rows?: unknown, fields?: unknown) => void;

/** A statement that the server has prepared. */
export interface PreparedStatement {
  readonly id: number;
  /** One for each placeholder, where the server was asked. */
  readonly parameters: readonly unknown[];
}

/** What the answer to a statement without rows says. */
export interface ResultHeader {
  readonly affectedRows: number;
  readonly insertId: number | string;
  /** Flags of the connection, see `ServerStatus`. */
  readonly serverStatus: number;
}

/** A column as mysql2 describes it. */
export interface ColumnDefinition {
  readonly name: string;
  readonly columnType: number;
}

/** mysql2's options for the rows of a statement. */
export interface RowOptions {
  readonly rowsAsArray?: boolean | undefined;
  readonly nestTables?: boolean | string | undefined;
  readonly typeCast?: unknown;
  readonly dateStrings?: boolean | readonly string[] | undefined;
  readonly decimalNumbers?: boolean | undefined;
  readonly bigNumberStrings?: boolean | undefined;
}

/** A flag of the server's answers: a transaction is open. */
export const inTransactionFlag = 1;

type CommandClass = new (options: object, callback: ResultCallback) => Command;
type EmittingClass = new (options: object, callback: ResultCallback) => Command & NodeJS.EventEmitter;

interface ConnectionClass {
  createQuery(options: object, values: undefined, callback: ResultCallback, config: object): Command;
  statementKey(options: object): string;
  readonly prototype: { execute(this: object, options: object, callback: ResultCallback): Command };
}

/** The class of connections, which makes commands; their own classes are not exported. */
const { Connection } = mysql as unknown as { readonly Connection: ConnectionClass };
const classes = commandClasses();
const Rows = { Query: withAnyNames(classes.Query), Execute: withAnyNames(classes.Execute) };

function commandClasses(): {
  readonly Query: EmittingClass;
  readonly Prepare: CommandClass;
  readonly Execute: EmittingClass;
} {
  const made: Command[] = [];
  const connection = {
    config: {},
    addCommand: (command: Command) => made.push(command),
    _resolveNamedPlaceholders() {},
  };
  Connection.prototype.execute.call(connection, { sql: '', values: [] }, () => {});
  made.push(Connection.createQuery({ sql: '' }, undefined, () => {}, {}));
  const [Prepare, Execute, Query] = made.map((command) => command.constructor);
  if (Query === undefined || Prepare === undefined || Execute === undefined) {
    throw new TypeError('this version of mysql2 makes its commands in another way than is known');
  }
  return { Query, Prepare, Execute } as ReturnType<typeof commandClasses>;
}

export function internalsOf(connection: Mysql2Connection): CommandConnection {
  return connection as unknown as CommandConnection;
}

/** Sends a text as it is, which has no rows. */
export function controlCommand(text: string, callback: ResultCallback): Command {
  return new classes.Query({ sql: text }, callback);
}

/** Sends a text as it is. */
export function queryCommand(text: string, rows: RowOptions | undefined, callback: ResultCallback): Command {
  return new Rows.Query(rows === undefined ? { sql: text } : { ...rows, sql: text }, callback);
}

/** Whether the answer to a command has rows: that to what prepares has columns alone. */
export function hasRows(command: Command): boolean {
  return !(command instanceof classes.Prepare);
}

/** The connection keeps the statement, and gives it to the callback. */
export function prepareCommand(text: string, callback: ResultCallback): Command {
  return new classes.Prepare({ sql: text }, callback);
}

/** Runs a statement that was prepared. */
export function executeCommand(
  {
    text,
    values,
    rows,
  }: { readonly text: string; readonly values: readonly unknown[]; readonly rows: RowOptions | undefined },
  statement: PreparedStatement,
  callback: ResultCallback,
): Command {
  return new Rows.Execute({ ...rows, statement, sql: text, values }, callback);
}

/** mysql2 emits the columns right before it makes the parser of the rows. */
function withAnyNames(base: EmittingClass): EmittingClass {
  return class extends base {
    override emit(event: string | symbol, ...values: unknown[]): boolean {
      if (event === 'fields') hideNames(values[0] as Parameters<typeof hideNames>[0]);
      return super.emit(event, ...values);
    }
  };
}

/** What the connection has prepared; mysql2 keeps the latest. */
export function preparedStatement(connection: Mysql2Connection, text: string): PreparedStatement | undefined {
  return internalsOf(connection)._statements.get(Connection.statementKey({ sql: text }));
}
