// Sends the panel's messages to the kernel, and notices when the kernel does not reply.
const REPLY_TIMEOUT = 3000; // milliseconds; the kernel replies to every message
const FIRST_REPLY_TIMEOUT = 4000; // milliseconds; a saved panel can be on screen without a kernel

export class KernelLink {
  // Calls `onNoReply` if a message gets no reply in time, and `onSilent` if the kernel has never replied.
  constructor(model, { onNoReply, onSilent }) {
    this.model = model;
    this.onNoReply = onNoReply;
    this.replyTimer = null;
    this.silenceTimer = setTimeout(onSilent, FIRST_REPLY_TIMEOUT);
  }

  isBusy() {
    return this.model.widget_manager?.kernel?.status === "busy";
  }

  send(type, content = {}) {
    this.replyTimer ??= setTimeout(() => this.reportNoReply(), REPLY_TIMEOUT);
    try {
      this.model.send({ type, ...content });
    } catch { // the connection to the kernel is closed
      this.reportNoReply();
    }
  }

  reportNoReply() {
    this.stopWaiting();
    this.onNoReply();
  }

  stopWaiting() {
    clearTimeout(this.replyTimer);
    this.replyTimer = null;
  }

  // The kernel replies to every message with "here", so it is no longer silent.
  noteReply() {
    clearTimeout(this.silenceTimer);
    this.stopWaiting();
  }

  close() {
    clearTimeout(this.silenceTimer);
    this.stopWaiting();
  }
}
