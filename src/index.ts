export { TarsealError } from './errors/index.js';
