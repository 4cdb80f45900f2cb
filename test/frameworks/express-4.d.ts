declare module 'express-4' {
  // It has the types of the other one.
  export { default } from 'express';
}
