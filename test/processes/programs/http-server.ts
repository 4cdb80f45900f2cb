// A server in a process that has no tests: it says on which port it listens.
import { createServer } from 'node:http';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createHttpContext, disconnectSignal, problemOf, routeTransaction } from '../../../src/http/index.ts';
import { createDatabase } from '../../../src/index.ts';

const database = createDatabase({ clients: { default: postgres({ connectionString: process.env['DATABASE_URL'] }) } });
const contexts = createHttpContext(database);
const server = createServer((request, response) => {
  const received = { headers: request.headers, signal: disconnectSignal(response) };
  const handler = async (): Promise<{ status: number; value: string }> => {
    await database.query('insert into product (id) values (1)');
    return { status: 200, value: 'sold' };
  };
  contexts
    .run(request, received, (context) => routeTransaction(context, handler))
    .then(
      (value) => response.end(value),
      (error: unknown) => response.writeHead(problemOf(error).status).end((error as Error).message),
    );
});
server.listen(0, '127.0.0.1', () => process.send?.(server.address()));
