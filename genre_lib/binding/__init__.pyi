from .execution import ReportError as ReportError
from .execution import run_notebooks as run_notebooks
from .markdown import bind as bind
from .rendering import BindingError as BindingError
from .report import make_report as make_report
from .site import make_site as make_site
