"""The generation data the castle carries, as AUTOMATIC1111 and as ComfyUI write it."""

from __future__ import annotations

from typing import Any

SEED = 271828
PROMPT = "a castle on a hill above a still lake, dusk, violet sky, low sun, lit windows, silhouette"
NEGATIVE = "people, text, watermark, lowres, blurry"
MODEL = "sample-landscape-v1"
MODEL_HASH = "5a3b1e0c42"
STEPS = 28
CFG = 6.5
OUTPUT_TYPES: dict[str, tuple[str, ...]] = {
    "KSampler": ("LATENT",),
    "CheckpointLoaderSimple": ("MODEL", "CLIP", "VAE"),
    "EmptyLatentImage": ("LATENT",),
    "CLIPTextEncode": ("CONDITIONING",),
    "VAEDecode": ("IMAGE",),
    "SaveImage": (),
}


def a1111_parameters() -> str:
    """Write the generation data the way AUTOMATIC1111 stores it."""
    settings = {
        "Steps": STEPS,
        "Sampler": "DPM++ 2M",
        "Schedule type": "Karras",
        "CFG scale": CFG,
        "Seed": SEED,
        "Size": "512x512",
        "Model hash": MODEL_HASH,
        "Model": MODEL,
    }
    line = ", ".join(f"{key}: {value}" for key, value in settings.items())
    return f"{PROMPT}\nNegative prompt: {NEGATIVE}\n{line}"


def comfy_prompt() -> dict[str, dict[str, Any]]:
    """Build the ComfyUI execution graph: node id to class and inputs."""
    sampler = {
        "seed": SEED,
        "steps": STEPS,
        "cfg": CFG,
        "sampler_name": "dpmpp_2m",
        "scheduler": "karras",
        "denoise": 1.0,
        "model": ["4", 0],
        "positive": ["6", 0],
        "negative": ["7", 0],
        "latent_image": ["5", 0],
    }
    nodes: list[tuple[str, str, dict[str, Any]]] = [
        ("3", "KSampler", sampler),
        ("4", "CheckpointLoaderSimple", {"ckpt_name": f"{MODEL}.safetensors"}),
        ("5", "EmptyLatentImage", {"width": 512, "height": 512, "batch_size": 1}),
        ("6", "CLIPTextEncode", {"text": PROMPT, "clip": ["4", 1]}),
        ("7", "CLIPTextEncode", {"text": NEGATIVE, "clip": ["4", 1]}),
        ("8", "VAEDecode", {"samples": ["3", 0], "vae": ["4", 2]}),
        ("9", "SaveImage", {"filename_prefix": "castle", "images": ["8", 0]}),
    ]
    return {key: {"class_type": kind, "inputs": inputs, "_meta": {"title": kind}} for key, kind, inputs in nodes}


def comfy_links(graph: dict[str, dict[str, Any]]) -> list[list[Any]]:
    """List the graph's links as ComfyUI does: id, from node, from slot, to node, to slot, type."""
    links: list[list[Any]] = []
    for key, node in graph.items():
        wired = [value for value in node["inputs"].values() if isinstance(value, list)]
        for slot, (source, output) in enumerate(wired):
            kind = OUTPUT_TYPES[graph[source]["class_type"]][output]
            links.append([len(links) + 1, int(source), output, int(key), slot, kind])
    return links


def widget_values(node: dict[str, Any]) -> list[Any]:
    """List a node's own settings in editor order; the editor keeps a seed control after the seed."""
    values: list[Any] = []
    for name, value in node["inputs"].items():
        if not isinstance(value, list):
            values += [value, "fixed"] if name == "seed" else [value]
    return values


def workflow_node(key: str, order: int, node: dict[str, Any], links: list[list[Any]]) -> dict[str, Any]:
    """Describe one node as the ComfyUI editor stores it."""
    number, kind = int(key), node["class_type"]
    wired = [name for name, value in node["inputs"].items() if isinstance(value, list)]
    inbound = [link for link in links if link[3] == number]
    outbound = [[ln[0] for ln in links if ln[1:3] == [number, slot]] for slot in range(len(OUTPUT_TYPES[kind]))]
    return {
        "id": number,
        "type": kind,
        "pos": [60 + 330 * order, 120],
        "size": [300, 200],
        "flags": {},
        "order": order,
        "mode": 0,
        "inputs": [{"name": name, "type": ln[5], "link": ln[0]} for name, ln in zip(wired, inbound, strict=True)],
        "outputs": [
            {"name": name, "type": name, "links": ids, "slot_index": slot}
            for slot, (name, ids) in enumerate(zip(OUTPUT_TYPES[kind], outbound, strict=True))
        ],
        "properties": {"Node name for S&R": kind},
        "widgets_values": widget_values(node),
    }


def comfy_workflow(graph: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Build the ComfyUI editor's view of the same graph."""
    links = comfy_links(graph)
    order = ("4", "5", "6", "7", "3", "8", "9")
    return {
        "last_node_id": max(map(int, graph)),
        "last_link_id": len(links),
        "nodes": [workflow_node(key, i, graph[key], links) for i, key in enumerate(order)],
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }
