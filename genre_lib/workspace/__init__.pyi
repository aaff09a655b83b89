from .listening import play as play
from .listening import play_samples as play_samples
from .opening import choose_profile as choose_profile
from .opening import open_workspace as open_workspace
from .published import open_published as open_published
from .publishing import PublicationError as PublicationError
from .publishing import publish as publish
from .workspace import Workspace as Workspace
