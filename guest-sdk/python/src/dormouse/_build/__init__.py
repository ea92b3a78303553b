"""The tool that makes components: `dormouse-py`."""
