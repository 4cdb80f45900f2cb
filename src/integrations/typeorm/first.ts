import { sharedByCopies } from '../../core/index.ts';
import type { AmbientDataSource } from './data-source.ts';

/** The first data source of the process, which the functions of this entry mean. */
export const first: { dataSource?: AmbientDataSource } = sharedByCopies('typeorm-first', () => ({}));
