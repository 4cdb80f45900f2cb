// Runs the jobs of a queue, one at a time: each locks a row.
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createDatabase } from '../../../src/index.ts';
import { beWatched } from './be-watched.ts';
import { pack, packers } from './packers.ts';
import { lock } from './staging.ts';

const [, , url = '', prefix = ''] = process.argv;
const database = createDatabase({
  lockProbeAfter: false,
  clients: { default: postgres({ connectionString: url }) },
});
const jobs = packers(database, prefix);
const worker = jobs.worker().handle(pack, (id) => lock(database, id));
await worker.ready();
beWatched(database, 'packer', url);
process.send?.('ready');
