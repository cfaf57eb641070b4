"""Alembic's entry: runs the migrations on the engine that `Database.migrate` hands over."""

from alembic import context

from jinsu.state.tables import Base

engine = context.config.attributes.get("engine")
if engine is None:  # `alembic revision --autogenerate` by a developer
    from sqlalchemy import create_engine

    engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "sqlite://")

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
