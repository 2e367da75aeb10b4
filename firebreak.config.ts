// So that `npx firebreak …` in this folder speaks of the system that `npm start` runs from it.
export { config } from './apps/logiflow/firebreak.config.ts'
