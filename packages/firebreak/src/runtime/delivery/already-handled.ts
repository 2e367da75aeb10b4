/** Not an error of anybody: leaves a handler whose event was handled elsewhere while it ran. */
export class AlreadyHandled extends Error {
  constructor() {
    super('this event has been handled already')
    this.name = 'AlreadyHandled'
  }
}
