// The panel's messages to the kernel, and whether the kernel still answers them.
const ANSWER = 3000; // milliseconds within which the kernel answers every message
const FIRST_ANSWER = 4000; // milliseconds; a saved panel can be on screen without a kernel

export class KernelLink {
  // Calls `onUnanswered` when a message got no answer in time, `onSilent` when the kernel has never answered.
  constructor(model, { onUnanswered, onSilent }) {
    this.model = model;
    this.onUnanswered = onUnanswered;
    this.answerTimer = null;
    this.silenceTimer = setTimeout(onSilent, FIRST_ANSWER);
  }

  isBusy() {
    return this.model.widget_manager?.kernel?.status === "busy";
  }

  send(type, content = {}) {
    this.answerTimer ??= setTimeout(() => this.lost(), ANSWER);
    try {
      this.model.send({ type, ...content });
    } catch { // the connection to the kernel is closed
      this.lost();
    }
  }

  lost() {
    this.answered();
    this.onUnanswered();
  }

  answered() {
    clearTimeout(this.answerTimer);
    this.answerTimer = null;
  }

  // Every message is answered with "here", so the kernel is not silent any more.
  heardHere() {
    clearTimeout(this.silenceTimer);
    this.answered();
  }

  close() {
    clearTimeout(this.silenceTimer);
    this.answered();
  }
}
