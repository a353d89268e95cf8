"""What TensorBoard's own reader sees in a run's folder, as JSON. usage: tensorboard_peer.py RUN

Exits with 77 where TensorBoard is not installed.
"""
import json
import sys

try:
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.plugins.hparams import plugin_data_pb2
except ImportError:
    sys.exit(77)


def texts(events, tag):
    return [event.tensor_proto.string_val[0].decode() for event in events.Tensors(tag)]


def settings(events):
    content = events.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()}


events = event_accumulator.EventAccumulator(sys.argv[1], size_guidance={event_accumulator.SCALARS: 0})
events.Reload()
tags = events.Tags()
print(json.dumps({
    "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]},
    "images": {tag: [[e.step, e.width, e.height, e.encoded_image_string[:4].hex()] for e in events.Images(tag)]
               for tag in tags["images"]},
    "audio": {tag: [[e.step, e.sample_rate, e.length_frames, e.content_type] for e in events.Audio(tag)]
              for tag in tags["audio"]},
    "texts": {tag: texts(events, tag) for tag in events.PluginTagToContent("text")},
    "settings": settings(events),
}))
