"""Where the names live that Python code usually imports from the standard library; a table, so nothing is imported."""

import sys
from functools import cache

_TABLE = """
abc: ABCMeta abstractclassmethod abstractmethod abstractproperty abstractstaticmethod update_abstractmethods
argparse: ArgumentDefaultsHelpFormatter ArgumentError ArgumentParser ArgumentTypeError BooleanOptionalAction
    FileType HelpFormatter MetavarTypeHelpFormatter Namespace RawDescriptionHelpFormatter RawTextHelpFormatter
asyncio: AbstractChildWatcher AbstractEventLoop AbstractEventLoopPolicy AbstractServer BaseEventLoop
    BaseProtocol BaseTransport BrokenBarrierError BufferedProtocol CancelledError DatagramProtocol
    DatagramTransport DefaultEventLoopPolicy FastChildWatcher IncompleteReadError InvalidStateError LifoQueue
    LimitOverrunError MultiLoopChildWatcher PidfdChildWatcher PriorityQueue QueueEmpty QueueFull ReadTransport
    SafeChildWatcher SelectorEventLoop SendfileNotAvailableError StreamReader StreamReaderProtocol
    StreamWriter SubprocessProtocol SubprocessTransport ThreadedChildWatcher TimeoutError TimerHandle
    WriteTransport iscoroutinefunction
base64: a85decode a85encode b16decode b16encode b32decode b32encode b32hexdecode b32hexencode b64decode
    b64encode b85decode b85encode decodebytes encodebytes standard_b64decode standard_b64encode
    urlsafe_b64decode urlsafe_b64encode
collections: ChainMap Counter OrderedDict UserDict UserList UserString defaultdict deque namedtuple
collections.abc: AsyncGenerator AsyncIterable AsyncIterator Awaitable Callable Collection Container Coroutine
    Generator Hashable ItemsView Iterable Iterator KeysView Mapping MappingView MutableMapping MutableSequence
    MutableSet Reversible Sequence Sized ValuesView
concurrent.futures: ALL_COMPLETED BrokenExecutor Executor FIRST_COMPLETED FIRST_EXCEPTION ProcessPoolExecutor
    ThreadPoolExecutor as_completed
configparser: BasicInterpolation ConfigParser ConverterMapping DEFAULTSECT DuplicateOptionError
    DuplicateSectionError ExtendedInterpolation Interpolation InterpolationDepthError InterpolationError
    InterpolationMissingOptionError InterpolationSyntaxError LegacyInterpolation MAX_INTERPOLATION_DEPTH
    MissingSectionHeaderError NoOptionError NoSectionError ParsingError RawConfigParser SafeConfigParser
    SectionProxy
contextlib: AbstractAsyncContextManager AbstractContextManager AsyncExitStack ContextDecorator ExitStack
    aclosing asynccontextmanager chdir contextmanager nullcontext redirect_stderr redirect_stdout suppress
contextvars: ContextVar Token copy_context
copy: deepcopy
csv: Dialect DictReader DictWriter QUOTE_ALL QUOTE_MINIMAL QUOTE_NONE QUOTE_NONNUMERIC Sniffer excel excel_tab
    get_dialect list_dialects register_dialect unix_dialect unregister_dialect
dataclasses: FrozenInstanceError InitVar KW_ONLY MISSING asdict astuple dataclass field fields is_dataclass
    make_dataclass replace
datetime: MAXYEAR MINYEAR date datetime timedelta timezone tzinfo
decimal: BasicContext Clamped ConversionSyntax Decimal DecimalException DecimalTuple DefaultContext
    DivisionByZero DivisionImpossible DivisionUndefined ExtendedContext FloatOperation HAVE_CONTEXTVAR
    HAVE_THREADS Inexact InvalidContext InvalidOperation MAX_EMAX MAX_PREC MIN_EMIN MIN_ETINY Overflow
    ROUND_05UP ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP
    Rounded Subnormal Underflow getcontext localcontext setcontext
difflib: Differ HtmlDiff IS_CHARACTER_JUNK IS_LINE_JUNK Match SequenceMatcher context_diff diff_bytes
    get_close_matches ndiff restore unified_diff
email.message: EmailMessage
email.utils: collapse_rfc2231_value decode_params decode_rfc2231 encode_rfc2231 format_datetime formataddr
    formatdate getaddresses make_msgid mktime_tz parseaddr parsedate parsedate_to_datetime parsedate_tz
    unquote
enum: CONFORM CONTINUOUS EJECT Enum EnumCheck EnumMeta EnumType Flag FlagBoundary IntEnum IntFlag KEEP
    NAMED_FLAGS ReprEnum STRICT StrEnum UNIQUE auto global_enum global_enum_repr global_flag_repr global_str
    member nonmember pickle_by_enum_name pickle_by_global_name property unique verify
fnmatch: fnmatch fnmatchcase translate
fractions: Fraction
functools: WRAPPER_ASSIGNMENTS WRAPPER_UPDATES cache cached_property cmp_to_key lru_cache partial
    partialmethod reduce singledispatch singledispatchmethod total_ordering update_wrapper wraps
glob: glob iglob
gzip: BadGzipFile GzipFile decompress
hashlib: blake2b blake2s
heapq: heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest
hmac: HMAC digest digest_size trans_36 trans_5C
html: unescape
html.parser: HTMLParser
importlib: import_module invalidate_caches reload
importlib.metadata: Distribution DistributionFinder PackageMetadata PackageNotFoundError distribution
    distributions entry_points files metadata packages_distributions requires
inspect: ArgInfo Arguments Attribute BlockFinder BoundArguments ClassFoundException ClosureVars EndOfBlock
    FrameInfo FullArgSpec Parameter Signature Traceback signature
io: BlockingIOError BufferedIOBase BufferedRWPair BufferedRandom BufferedReader BufferedWriter BytesIO
    DEFAULT_BUFFER_SIZE FileIO IOBase IncrementalNewlineDecoder RawIOBase SEEK_CUR SEEK_END SEEK_SET StringIO
    TextIOBase TextIOWrapper UnsupportedOperation open_code text_encoding
ipaddress: AddressValueError IPV4LENGTH IPV6LENGTH IPv4Address IPv4Interface IPv4Network IPv6Address
    IPv6Interface IPv6Network NetmaskValueError collapse_addresses get_mixed_type_key ip_address ip_interface
    ip_network summarize_address_range v4_int_to_packed v6_int_to_packed
itertools: accumulate chain combinations combinations_with_replacement compress cycle dropwhile filterfalse
    groupby islice pairwise permutations product starmap takewhile zip_longest
json: JSONDecodeError JSONDecoder JSONEncoder
logging: BufferingFormatter FileHandler Formatter LogRecord Logger LoggerAdapter NullHandler StreamHandler
logging.handlers: BaseRotatingHandler BufferingHandler DEFAULT_HTTP_LOGGING_PORT DEFAULT_SOAP_LOGGING_PORT
    DEFAULT_TCP_LOGGING_PORT DEFAULT_UDP_LOGGING_PORT DatagramHandler HTTPHandler MemoryHandler
    NTEventLogHandler QueueHandler QueueListener RotatingFileHandler SMTPHandler ST_DEV ST_INO ST_MTIME
    SYSLOG_TCP_PORT SYSLOG_UDP_PORT SocketHandler SysLogHandler TimedRotatingFileHandler WatchedFileHandler
multiprocessing: AuthenticationError BufferTooShort ProcessError
numbers: Complex Integral Number Rational Real
operator: attrgetter itemgetter methodcaller
pathlib: Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath
pickle: PickleBuffer PickleError Pickler PicklingError Unpickler UnpicklingError
platform: uname_result
pprint: PrettyPrinter isreadable isrecursive pformat pprint saferepr
queue: Empty Full SimpleQueue
random: Random SystemRandom
re: Pattern RegexFlag
secrets: compare_digest randbelow randbits token_bytes token_hex token_urlsafe
shutil: ExecError SameFileError SpecialFileError chown copy2 copyfile copyfileobj copymode copystat copytree
    disk_usage get_archive_formats get_terminal_size get_unpack_formats ignore_patterns make_archive move
    register_archive_format register_unpack_format rmtree unpack_archive unregister_archive_format
    unregister_unpack_format which
socket: AddressFamily SocketKind SocketType gaierror herror socket timeout
sqlite3: Blob Cursor DataError DatabaseError IntegrityError InterfaceError InternalError NotSupportedError
    OperationalError PrepareProtocol ProgrammingError Warning
statistics: NormalDist StatisticsError correlation covariance fmean geometric_mean harmonic_mean
    linear_regression median_grouped median_high median_low multimode pstdev pvariance quantiles stdev
    variance
string: ascii_letters ascii_lowercase ascii_uppercase digits punctuation
struct: Struct
subprocess: CalledProcessError CompletedProcess Popen SubprocessError TimeoutExpired
tempfile: NamedTemporaryFile SpooledTemporaryFile TMP_MAX TemporaryDirectory TemporaryFile gettempdir
    gettempdirb gettempprefix gettempprefixb mkdtemp mkstemp mktemp tempdir
textwrap: TextWrapper dedent fill indent shorten wrap
threading: ExceptHookArgs Thread ThreadError local
time: struct_time
traceback: FrameSummary StackSummary TracebackException clear_frames extract_stack extract_tb format_exc
    format_exception format_exception_only format_list format_stack format_tb print_exc print_exception
    print_last print_stack print_tb walk_stack walk_tb
types: AsyncGeneratorType BuiltinFunctionType BuiltinMethodType CellType ClassMethodDescriptorType CodeType
    CoroutineType DynamicClassAttribute EllipsisType FrameType FunctionType GeneratorType GenericAlias
    GetSetDescriptorType LambdaType MappingProxyType MemberDescriptorType MethodDescriptorType MethodType
    MethodWrapperType ModuleType NoneType NotImplementedType SimpleNamespace TracebackType UnionType
    WrapperDescriptorType
typing: AbstractSet Annotated Any AsyncContextManager BinaryIO ClassVar Concatenate ContextManager DefaultDict
    Deque Dict Final ForwardRef FrozenSet Generic List Literal LiteralString NamedTuple Never NewType NoReturn
    NotRequired Optional ParamSpec ParamSpecArgs ParamSpecKwargs Protocol Required Self SupportsAbs
    SupportsBytes SupportsComplex SupportsFloat SupportsIndex SupportsInt SupportsRound TYPE_CHECKING TextIO
    Tuple Type TypeAlias TypeGuard TypeVar TypeVarTuple TypedDict Union Unpack assert_never assert_type cast
    clear_overloads dataclass_transform final get_args get_origin get_overloads get_type_hints is_typeddict
    no_type_check no_type_check_decorator overload reveal_type runtime_checkable
unittest: FunctionTestCase IsolatedAsyncioTestCase SkipTest TestCase TestLoader TestResult TestSuite
    TextTestResult TextTestRunner
unittest.mock: AsyncMock DEFAULT FILTER_DIR MagicMock Mock NonCallableMagicMock NonCallableMock PropertyMock
    create_autospec mock_open patch seal sentinel
urllib.error: ContentTooShortError HTTPError URLError
urllib.parse: DefragResult DefragResultBytes ParseResult ParseResultBytes SplitResult SplitResultBytes
    parse_qs parse_qsl quote quote_from_bytes quote_plus unquote_plus unquote_to_bytes urldefrag urlencode
    urljoin urlparse urlsplit urlunparse urlunsplit
urllib.request: AbstractBasicAuthHandler AbstractDigestAuthHandler BaseHandler CacheFTPHandler DataHandler
    FTPHandler FancyURLopener HTTPBasicAuthHandler HTTPCookieProcessor HTTPDefaultErrorHandler
    HTTPDigestAuthHandler HTTPErrorProcessor HTTPPasswordMgr HTTPPasswordMgrWithDefaultRealm
    HTTPPasswordMgrWithPriorAuth HTTPRedirectHandler HTTPSHandler OpenerDirector ProxyBasicAuthHandler
    ProxyDigestAuthHandler ProxyHandler URLopener UnknownHandler build_opener getproxies install_opener
    pathname2url url2pathname urlcleanup urlopen urlretrieve
uuid: NAMESPACE_DNS NAMESPACE_OID NAMESPACE_URL NAMESPACE_X500 RESERVED_FUTURE RESERVED_MICROSOFT RESERVED_NCS
    RFC_4122 SafeUUID UUID getnode uuid1 uuid3 uuid4 uuid5
warnings: catch_warnings filterwarnings formatwarning resetwarnings showwarning simplefilter warn
    warn_explicit
weakref: CallableProxyType ProxyType ReferenceType WeakKeyDictionary WeakMethod WeakSet WeakValueDictionary
    finalize
xml.etree.ElementTree: C14NWriterTarget ElementTree ParseError QName TreeBuilder XMLParser XMLPullParser
zipfile: BadZipFile BadZipfile LargeZipFile PyZipFile ZIP_BZIP2 ZIP_DEFLATED ZIP_LZMA ZIP_STORED ZipFile
    ZipInfo is_zipfile
"""
# Submodules that are used by their full name.
_SUBMODULES = """collections.abc concurrent.futures importlib.metadata logging.handlers os.path
unittest.mock urllib.error urllib.parse urllib.request xml.etree.ElementTree"""


@cache
def homes() -> dict[str, str]:
    """Each name with the module that it is imported from."""
    found: dict[str, str] = {}
    module = ""
    for word in _TABLE.split():
        if word.endswith(":"):
            module = word[:-1]
        else:
            found[word] = module
    return found


def modules() -> tuple[str, ...]:
    """Every module of the standard library that is not private."""
    public = (name for name in sorted(sys.stdlib_module_names) if not name.startswith("_"))
    return (*public, *_SUBMODULES.split())
