"""Containerfiles in the style of well-known projects, for bases that hold busybox and stand-ins for their tools.

The stand-ins (go, cargo, npm, pip …) are shell scripts that write what they were called with, so a build shows whether
arguments, variables, mounts, users and folders were the same. HEREDOCS need a buildah that reads them (1.33).
"""

from __future__ import annotations

#: name -> text; all are built from the base "tools", in a context made by the test.
FILES: dict[str, str] = {
    "go service": """ARG VERSION=1.0
FROM tools AS build
ARG VERSION
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
RUN CGO_ENABLED=0 GOOS=linux go build -ldflags "-X main.version=${VERSION}" -o /out/app ./cmd
FROM scratch
COPY --from=build /out/app /app
USER 65532:65532
ENTRYPOINT ["/app"]
""",
    "go with tests": """FROM tools AS base
WORKDIR /src
COPY go.mod .
FROM base AS test
COPY cmd cmd
RUN go test ./... > /tests
FROM base AS build
COPY cmd cmd
RUN go build -o /app ./cmd
FROM tools
COPY --from=test /tests /tests
COPY --from=build /app /usr/local/bin/app
CMD ["app", "serve"]
""",
    "rust": """FROM tools AS planner
WORKDIR /app
COPY Cargo.toml .
RUN cargo chef prepare --recipe-path recipe.json
FROM tools AS builder
WORKDIR /app
COPY --from=planner /app/recipe.json recipe.json
RUN cargo chef cook --release
COPY src src
RUN cargo build --release --bin app
FROM tools AS runtime
RUN echo app:x:100: >> /etc/group && echo app:x:100:100::/:/bin/sh >> /etc/passwd
COPY --from=builder --chown=app:app /app/built /usr/local/bin/app
USER app
ENTRYPOINT ["/usr/local/bin/app"]
""",
    "node": """FROM tools AS deps
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --only=production
FROM tools
ENV NODE_ENV=production PORT=3000
WORKDIR /app
COPY --from=deps /app/node_modules ./node_modules
COPY src ./src
EXPOSE $PORT
USER 1000
CMD ["node", "src/main.c"]
""",
    "node with build": """FROM tools AS build
WORKDIR /web
COPY package*.json ./
RUN npm ci
COPY src src
ARG PUBLIC_URL=/
ENV PUBLIC_URL=$PUBLIC_URL
RUN npm run build && mv built dist
FROM tools
RUN rm -rf /usr/share/html && mkdir -p /usr/share/html
COPY --from=build /web/dist /usr/share/html
COPY conf/site.conf /etc/site.conf
STOPSIGNAL SIGQUIT
EXPOSE 80/tcp 443/tcp
CMD ["server", "-g", "daemon off;"]
""",
    "python": """FROM tools
ENV PYTHONUNBUFFERED=1 \\
    PIP_NO_CACHE_DIR=off
WORKDIR /srv
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY src /srv/src
RUN chmod -R a+rX /srv && chown -R 33:33 /srv/src
USER 33
ENTRYPOINT ["python"]
CMD ["-m", "src"]
""",
    "python wheel": """FROM tools AS wheel
COPY requirements.txt /w/
WORKDIR /w
RUN pip wheel -r requirements.txt && mv built /w/app.whl
FROM tools
COPY --from=wheel /w/*.whl /tmp/
RUN pip install /tmp/*.whl && rm /tmp/*.whl
LABEL org.opencontainers.image.title="app" org.opencontainers.image.licenses=MIT
CMD app
""",
    "database": """FROM tools
RUN echo db:x:70: >> /etc/group && echo db:x:70:70::/var/lib/db:/bin/sh >> /etc/passwd \\
 && mkdir -p /var/lib/db/data /run/db \\
 && chown -R db:db /var/lib/db /run/db && chmod 2777 /run/db
ENV PGDATA=/var/lib/db/data LANG=en_US.utf8
VOLUME /var/lib/db/data
COPY --chmod=755 conf/entrypoint.sh /usr/local/bin/
ENTRYPOINT ["entrypoint.sh"]
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["db"]
""",
    "cache server": """FROM tools
RUN set -eux; \\
    echo cache:x:1000: >> /etc/group; \\
    echo cache:x:999:1000::/data:/bin/sh >> /etc/passwd; \\
    mkdir /data; \\
    chown cache:cache /data
VOLUME /data
WORKDIR /data
EXPOSE 6379
CMD ["cache-server"]
""",
    "web server": """FROM tools
LABEL maintainer="Web Maintainers <web@example.com>"
ENV SERVER_VERSION=1.25.3 PKG_RELEASE=1
COPY conf /etc/server
RUN ln -sf /dev/stdout /var/access.log \\
    && ln -sf /dev/stderr /var/error.log \\
    && mkdir /entrypoint.d
EXPOSE 80
CMD ["server"]
""",
    "bash as shell": """FROM tools
SHELL ["/bin/sh", "-exc"]
RUN echo one > /one
RUN echo two > /two; test -s /one
""",
    "users and groups": """FROM tools
RUN echo team:x:2000: >> /etc/group && echo alice:x:2000:2000::/home/alice:/bin/sh >> /etc/passwd
USER alice
WORKDIR /home/alice/work
RUN touch mine && id > who
COPY --chown=alice:team src/main.c .
COPY --chown=2001 src/util.c .
USER 0
RUN stat -c '%u:%g %n' /home/alice/work/* > /owners
""",
    "modes": """FROM tools
COPY --chmod=0600 conf/site.conf /secret
COPY --chmod=0755 src /tools/
RUN chmod 4755 /tools/main.c && chmod 1777 /tools && umask 077 && mkdir /private
""",
    "links": """FROM tools
COPY links /links
RUN ln -s /nowhere /dangling && ln /links/target /links/hard2 && mkdir -p /real/dir && ln -s real /alias
COPY src/main.c /alias/dir/
WORKDIR /alias/dir
RUN pwd > where
""",
    "whiteouts": """FROM tools
RUN mkdir -p /a/b/c && touch /a/1 /a/b/2 /a/b/c/3
RUN rm -r /a/b && touch /a/b
RUN rm /a/b && mkdir /a/b && touch /a/b/again
RUN rm /a/1
""",
    "many arguments": """ARG BASE=tools
ARG TAG
FROM ${BASE}${TAG:+:$TAG}
ARG A=1
ARG B=${A}2
ARG GIVEN
ARG TARGETOS
ENV A=$A B=$B GIVEN=$GIVEN OS=$TARGETOS
RUN echo "$A $B $GIVEN" > /arguments
LABEL a=$A b="${B} c"
""",
    "substitutions": """FROM tools
ENV NAME=value EMPTY=
ENV ONE=${NAME:-x} TWO=${NOT_SET:-default} THREE=${NAME:+set} FOUR=${EMPTY:-empty} FIVE=\\$NAME SIX='$NAME'
RUN env | grep -E '^(ONE|TWO|THREE|FOUR|FIVE|SIX)=' | sort > /values
""",
    "onbuild base": """FROM tools AS app
ENV STAGE=app
ONBUILD RUN echo triggered > /triggered
RUN touch /app
""",
    "archives": """FROM tools
ADD vendor.tar.gz /opt/vendor/
COPY vendor.tar.gz /opt/
RUN find /opt | sort > /list
""",
    "globs": """FROM tools
COPY src/*.c /sources/
COPY conf/s?te.conf conf/entrypoint.sh /conf/
COPY [ "name with space.txt", "/dest with space/" ]
""",
    "ignored": """FROM tools
COPY . /everything/
RUN find /everything | sort > /list
""",
    "relative paths": """FROM tools
WORKDIR /one
WORKDIR two/../three
COPY src/main.c ./a/
COPY src/main.c b
RUN pwd > here && ls > list
""",
    "numbered stages": """FROM tools
RUN echo first > /one
FROM tools
RUN echo second > /two
FROM tools
COPY --from=0 /one /
COPY --from=1 /two /
""",
    "stage of a stage": """FROM tools AS base
ENV LEVEL=1
RUN echo base > /base
FROM base AS middle
ENV LEVEL=2
RUN echo $LEVEL > /middle
FROM middle
RUN cat /base /middle > /both
CMD ["cat", "/both"]
""",
    "unused stage": """FROM tools AS lint
RUN exit 1
FROM tools AS build
RUN echo built > /built
FROM tools
COPY --from=build /built /
""",
    "copy from an image": """FROM tools
COPY --from=other /other /from-other
COPY --from=other /folder /folder
""",
    "bind mounts": """FROM tools
RUN --mount=type=bind,source=src,target=/mnt/src cp /mnt/src/main.c /copied
RUN --mount=type=bind,from=other,source=/folder,target=/mnt/o ls /mnt/o > /listed
""",
    "cache mounts": """FROM tools AS build
RUN --mount=type=cache,id=PLACE,target=/var/cache/tool echo x > /var/cache/tool/x && ls /var/cache/tool > /seen
RUN --mount=type=cache,id=PLACE,target=/var/cache/tool test -s /var/cache/tool/x
FROM tools
COPY --from=build /seen /seen
""",
    "tmpfs mount": """FROM tools
RUN --mount=type=tmpfs,target=/scratch touch /scratch/gone && ls /scratch > /seen
""",
    "secrets": """FROM tools
RUN --mount=type=secret,id=token cat /run/secrets/token | wc -c > /length
RUN --mount=type=secret,id=token,target=/etc/token test -s /etc/token
RUN test ! -e /run/secrets/token
""",
    "metadata only": """FROM tools
LABEL version=1
ENV A=b
WORKDIR /w
EXPOSE 8080
CMD ["x"]
USER nobody
""",
    "exec forms": """FROM tools
RUN ["/bin/sh", "-c", "echo exec > /exec"]
RUN ["touch", "/touched"]
ENTRYPOINT exec top -b
CMD []
""",
    "continued lines": """FROM tools
RUN true \\
    # a comment in the middle
    && echo one > /one \\

    && echo two > /two
ENV A=1 \\
    B="2 3" \\
    C='4 $A'
""",
    "other escape": """# escape=`
FROM tools
RUN echo a `
    b > /line
ENV PATHS=c:/one
""",
    "volumes": """FROM tools
RUN mkdir -p /vol/a && echo before > /vol/a/file
VOLUME ["/vol/a", "/vol/b"]
LABEL done=yes
""",
    "healthy": """FROM tools
HEALTHCHECK --interval=30s --timeout=3s --retries=2 CMD test -e /bin/sh || exit 1
CMD ["sleep", "1"]
""",
}

HEREDOCS: dict[str, str] = {
    "heredoc scripts": """FROM tools
RUN <<EOF
set -e
mkdir /made
echo "in $PWD" > /made/file
EOF
RUN <<-END
\techo tabs > /tabs
END
""",
    "heredoc files": """FROM tools
COPY <<EOF /etc/app.conf
name = app
home = /srv
EOF
COPY <<one.txt <<two.txt /both/
1
one.txt
2
two.txt
""",
    "heredoc interpreter": """FROM tools
RUN <<EOF
#!/bin/sh
echo interpreted > /interpreted
EOF
""",
    "heredoc into a command": """FROM tools
RUN cat > /text <<EOF && echo after > /after
first
second
EOF
""",
}
