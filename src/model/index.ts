export {
  type ColumnOf,
  defineModel,
  type KeyOf,
  type ModelCacheOptions,
  type ModelDefinition,
  type ModelOptions,
  type RowOf,
} from './definition.ts';
export type { ModelCacheStatistics } from './caching.ts';
export { InvalidModelCallError } from './errors.ts';
export { createModel, Model, type SelectOptions, type UpdateOptions } from './model.ts';
export { type Conditions, either, gt, gte, inList, like, lt, lte, ne, notInList, type Where } from './operators.ts';
