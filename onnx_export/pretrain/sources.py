"""The named list of packages the embedded model learns from, and those it must never see."""

from dataclasses import dataclass

SHARE_CAP = 0.06  # no source may be more than this share of the training text
STDLIB = "stdlib"
STDLIB_TESTS = "stdlib-tests"


@dataclass(frozen=True, slots=True)
class Package:
    """One release on the package registry."""

    name: str
    version: str

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"


# Whole packages kept for evaluation: neither the model nor its tokenizer is trained on them.
HELD_OUT = (
    Package("black", "26.10.1"),
    Package("celery", "5.7.0"),
    Package("flask", "3.1.3"),
    Package("scrapy", "2.19.0"),
    Package("sphinx", "9.0.4"),
    Package("tornado", "6.6.1"),
    Package("werkzeug", "3.1.9"),
)

# Applications and libraries under permissive licences, at the releases the corpus was built from.
TRAINING = (
    Package("accelerate", "1.15.0"),
    Package("aiohttp", "3.14.5"),
    Package("alembic", "1.20.1"),
    Package("apache-airflow-core", "3.3.2"),
    Package("astropy", "8.0.2"),
    Package("attrs", "26.1.0"),
    Package("babel", "2.18.0"),
    Package("bokeh", "3.10.2"),
    Package("boto3", "1.44.5"),
    Package("botocore", "1.44.5"),
    Package("click", "8.5.1"),
    Package("cookiecutter", "2.7.1"),
    Package("dask", "2026.8.0"),
    Package("datasets", "5.2.0"),
    Package("diffusers", "0.42.1"),
    Package("distributed", "2026.8.0"),
    Package("django", "5.2.19"),
    Package("djangorestframework", "3.18.3"),
    Package("fastapi", "0.165.0"),
    Package("flax", "0.12.12"),
    Package("gradio", "6.31.0"),
    Package("hatchling", "1.33.0"),
    Package("homeassistant", "2025.1.4"),
    Package("httpx", "0.28.1"),
    Package("ipython", "9.18.1"),
    Package("jedi", "0.20.1"),
    Package("jinja2", "3.1.6"),
    Package("jupyter-server", "2.21.1"),
    Package("jupyterlab", "4.6.6"),
    Package("keras", "3.15.1"),
    Package("kombu", "5.7.0"),
    Package("marshmallow", "4.4.0"),
    Package("matplotlib", "3.11.2"),
    Package("mkdocs", "1.6.1"),
    Package("mlflow", "3.18.0"),
    Package("mypy", "2.4.1"),
    Package("networkx", "3.6.1"),
    Package("nltk", "3.10.4"),
    Package("notebook", "7.6.5"),
    Package("nox", "2026.10.20"),
    Package("numpy", "2.4.6"),
    Package("onnx", "1.23.2"),
    Package("pandas", "3.1.1"),
    Package("parso", "0.8.7"),
    Package("peewee", "4.5.3"),
    Package("pip", "26.3"),
    Package("poetry", "2.5.1"),
    Package("poetry-core", "2.5.0"),
    Package("prompt-toolkit", "3.0.53"),
    Package("pydantic", "2.14.3"),
    Package("pygls", "2.1.1"),
    Package("pytest", "9.2.0"),
    Package("redis", "8.1.0"),
    Package("requests", "2.34.2"),
    Package("rich", "15.0.0"),
    Package("scikit-image", "0.26.0"),
    Package("scikit-learn", "1.9.1"),
    Package("scipy", "1.17.1"),
    Package("setuptools", "84.2.1"),
    Package("sqlalchemy", "2.1.9"),
    Package("starlette", "1.10.0"),
    Package("statsmodels", "0.15.0"),
    Package("streamlit", "1.67.0"),
    Package("sympy", "1.14.0"),
    Package("textual", "8.2.8"),
    Package("tox", "4.67.15"),
    Package("transformers", "5.23.0"),
    Package("twisted", "26.10.0"),
    Package("typer", "0.29.2"),
    Package("urllib3", "2.8.0"),
    Package("uvicorn", "0.54.0"),
    Package("virtualenv", "21.15.8"),
    Package("wagtail", "8.0.1"),
    Package("xarray", "2026.9.0"),
    Package("yt-dlp", "2026.10.26"),
)
