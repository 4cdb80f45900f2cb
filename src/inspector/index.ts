export type * from './snapshot.ts';
export { type PageAsset, pageAsset } from './page/index.ts';
