import type { Client } from 'pg';

/**
 * The parts of `pg` that a Submittable (a query object of one's own) is written against. pg-cursor
 * and pg-query-stream stand on the same ones; `@types/pg` does not name them all.
 */
export interface WireConnection {
  readonly stream: WireStream;
  /** Has the parser read what comes from the stream, which is another one once TLS is on. */
  attachListeners(stream: WireStream): void;
  parse(message: { name: string; text: string }): void;
  bind(message: { statement: string; values: readonly (string | Buffer | null)[] }): void;
  describe(message: { type: 'P' | 'S'; name: string }): void;
  execute(message?: object): void;
  close(message: { type: 'P' | 'S'; name: string }): void;
  flush(): void;
  sync(): void;
  sendCopyFail(reason: string): void;
  on(event: 'bindComplete', listener: () => void): void;
  on(event: 'readyForQuery', listener: (message: { readonly status: string }) => void): void;
  once(event: 'readyForQuery' | 'end', listener: () => void): void;
  off(event: 'end', listener: () => void): void;
}

export interface WireStream {
  readonly writable: boolean;
  write(chunk: Buffer): boolean;
  pause(): unknown;
  destroy(error?: Error): unknown;
  listeners(event: 'data'): readonly unknown[];
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  once(event: 'data' | 'close', listener: () => void): unknown;
  off(event: 'data' | 'close', listener: (chunk: Buffer) => void): unknown;
}

/** A column as the server describes it. */
export interface WireField {
  readonly name: string;
  readonly dataTypeID: number;
}

/** What pg calls on a Submittable. */
export interface WireQuery {
  submit(): Error | null;
  handleRowDescription(message: { readonly fields: readonly WireField[] }): void;
  handleDataRow(message: { readonly fields: readonly (string | null)[] }): void;
  handleCommandComplete(message: { readonly text: string }): void;
  handleEmptyQuery(): void;
  handlePortalSuspended(): void;
  handleCopyInResponse(connection: WireConnection): void;
  handleCopyData(): void;
  handleError(error: unknown): void;
  handleReadyForQuery(): void;
}

/** Converts the text of one value. */
export type TypeParser = (value: string) => unknown;

/** Turns the text of a value into what the program gets, by the type's OID. */
export interface TypeParsers {
  /** Returns the parser for a type's OID. */
  getTypeParser(oid: number, format: 'text'): TypeParser;
}

/** What `pg` keeps of a connection and does not publish in its types. */
export interface ClientInternals {
  readonly processID: number;
  readonly secretKey: number;
  readonly connection: WireConnection;
  /** What was given in the options, the connection string and the environment. */
  readonly connectionParameters: { query_timeout?: number | string | false | undefined };
  /** The type parsers of the connection. */
  readonly _types: TypeParsers;
}

export function internalsOf(client: Client): ClientInternals {
  return client as unknown as ClientInternals;
}
