// Takes a picture with the camera.

/** Shows the camera in a `<video>` and takes pictures from it. */
export class Camera {
  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.video = video;
  }

  get isOn() {
    return this.video.srcObject !== null;
  }

  /** Whether this browser has a camera that it may give to this page. */
  static get isPossible() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
  }

  async start() {
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment'}});
    } catch (error) {
      throw new Error(error.name === 'NotAllowedError' ?
          'The browser does not let this page use the camera; allow it in its settings.' :
          'There is no camera that this page can use.');
    }
    this.video.srcObject = stream;
    await this.video.play();
  }

  /** Returns the present picture, and turns the camera off. */
  async take() {
    const picture = await createImageBitmap(this.video);
    this.stop();
    return picture;
  }

  stop() {
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
  }
}
