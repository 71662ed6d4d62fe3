"""A generator as a web page: a folder of static files, which draws images where it is opened.

The page runs the generator by ONNX Runtime Web, in the browser. It has a slider for each of the generator's
strongest directions, a choice of class, and truncation, where the generator has these. `page/` holds the page
itself, which is the same for all generators.
"""

from jaxgan.web.model import WebModel, web_model
from jaxgan.web.site import write_web

__all__ = ["WebModel", "web_model", "write_web"]
