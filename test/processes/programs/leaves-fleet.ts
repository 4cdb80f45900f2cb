// Closes what shows it, when nothing else keeps the process: `inspector` or `member`, once they have a connection.
import { once } from 'node:events';
import { createDatabase } from '../../../src/index.ts';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { joinFleet, startInspector } from '../../../src/inspector/index.ts';
import { postgresFleet } from '../../../src/inspector/postgres/index.ts';

const [connectionString = '', kind] = process.argv.slice(2);
const database = createDatabase({ clients: { default: postgres({ connectionString }) } });
const fleet = postgresFleet({ connectionString });
const shown =
  kind === 'member' ? joinFleet(database, { fleet }) : await startInspector(database, { fleet, host: '127.0.0.1' });
// The test says when the fleet is connected; after that it has no more to say, and keeps nothing.
await once(process.stdin, 'data');
process.stdin.destroy();
await database.close();
await shown.close();
console.log('closed');
