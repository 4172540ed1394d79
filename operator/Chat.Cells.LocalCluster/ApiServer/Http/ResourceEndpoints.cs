namespace Chat.Cells.LocalCluster.ApiServer.Http;

/// <summary>Requests for objects: finds the kind, reads the options, calls the verb.</summary>
internal sealed class ResourceEndpoints(ObjectStore store, ResourceRegistry registry, LocalApiServerOptions options)
{
    private static readonly TimeSpan DefaultWatch = TimeSpan.FromMinutes(45);
    private static readonly string[] NotHere = ["eviction", "exec", "attach", "portforward", "proxy", "ephemeralcontainers", "resize", "token", "finalize", "approval"];
    private readonly ObjectReader _reader = new(store);
    private readonly ObjectWriter _writer = new(store, options);
    private readonly ObjectDeleter _deleter = new(store, options);
    private readonly ScaleSubresource _scale = new(store);
    private readonly PodLog _logs = new(store, options);

    public async Task HandleAsync(HttpContext context, RequestPath path, CancellationToken cancellationToken)
    {
        var kind = registry.Find(store.Read().Objects, path.Group, path.Plural);
        if (kind?.Version(path.Version) is not { } version)
        {
            throw ApiException.NoSuchResource();
        }

        if (path.Namespace.Length > 0 != kind.Namespaced && (path.Namespace.Length > 0 || path.Name.Length > 0))
        {
            throw ApiException.NoSuchResource();
        }

        var target = new Target(kind, version, path.Namespace, path.Name, path.Subresource);
        if (version.Warning.Length > 0 && (kind.IsCustom || context.Request.Method is "POST" or "PUT" or "PATCH"))
        {
            Responses.Warn(context, version.Warning);
        }

        if (path.Subresource.Length > 0)
        {
            await SubresourceAsync(context, target, cancellationToken);
        }
        else if (path.Name.Length > 0)
        {
            await ObjectAsync(context, target, cancellationToken);
        }
        else
        {
            await CollectionAsync(context, target, cancellationToken);
        }
    }

    private async Task SubresourceAsync(HttpContext context, Target target, CancellationToken cancellationToken)
    {
        switch (target.Subresource)
        {
            case "status" when target.Version.HasStatus:
                if (HttpMethods.IsDelete(context.Request.Method))
                {
                    throw ApiException.MethodNotAllowed();
                }

                await ObjectAsync(context, target, cancellationToken);
                return;
            case "scale" when target.Version.Scale is not null:
                await _scale.HandleAsync(context, target, _writer, cancellationToken);
                return;
            case "log" when target.Kind.Resource == "pods" && HttpMethods.IsGet(context.Request.Method):
                await _logs.WriteAsync(context, target, cancellationToken);
                return;
            case "binding" when target.Kind.Resource == "pods" && HttpMethods.IsPost(context.Request.Method):
                await BindAsync(context, target, cancellationToken);
                return;
            default:
                throw Array.IndexOf(NotHere, target.Subresource) >= 0 && !target.Kind.IsCustom
                    ? ApiException.NotSupportedHere($"the subresource {target.Kind.Plural}/{target.Subresource}")
                    : ApiException.NoSuchResource();
        }
    }

    private async Task ObjectAsync(HttpContext context, Target target, CancellationToken cancellationToken)
    {
        var request = context.Request;
        switch (request.Method)
        {
            case "GET" when IsWatch(request):
                await WatchAsync(context, target, cancellationToken);
                break;
            case "GET":
                await ShowAsync(context, 200, target, _reader.Get(target, request.Query["resourceVersion"]));
                break;
            case "PUT":
                var (body, write) = await ReadBodyAsync(context, target, cancellationToken);
                await FinishAsync(context, target, await _writer.UpdateAsync(target, body, write, cancellationToken), write);
                break;
            case "PATCH":
                await PatchAsync(context, target, cancellationToken);
                break;
            case "DELETE":
                await DeleteAsync(context, target, cancellationToken);
                break;
            default:
                throw ApiException.MethodNotAllowed();
        }
    }

    private async Task CollectionAsync(HttpContext context, Target target, CancellationToken cancellationToken)
    {
        var request = context.Request;
        switch (request.Method)
        {
            case "GET" when IsWatch(request):
                await WatchAsync(context, target, cancellationToken);
                break;
            case "GET":
                var page = _reader.List(target, ListQuery(request, target.Kind));
                await ShowAsync(context, page);
                break;
            case "POST" when target.Namespace.Length > 0 == target.Kind.Namespaced:
                var (body, write) = await ReadBodyAsync(context, target, cancellationToken);
                await FinishAsync(context, target, await _writer.CreateAsync(target, body, write, cancellationToken), write);
                break;
            case "DELETE":
                await DeleteCollectionAsync(context, target, cancellationToken);
                break;
            default:
                throw ApiException.MethodNotAllowed();
        }
    }

    private async Task PatchAsync(HttpContext context, Target target, CancellationToken cancellationToken)
    {
        var request = context.Request;
        var type = RequestBody.MediaType(request);
        string[] supported = target.Kind.IsCustom
            ? ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"]
            : ["application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"];
        if (Array.IndexOf(supported, type) < 0)
        {
            throw ApiException.UnsupportedMediaType(supported);
        }

        var write = ReadOptions(context, isApply: type == "application/apply-patch+yaml");
        var duplicates = new List<string>();
        var patch = RequestBody.Parse(await RequestBody.ReadBytesAsync(request, cancellationToken), type == "application/apply-patch+yaml", duplicates);
        if (type == "application/apply-patch+yaml")
        {
            var applied = patch as JsonObject ?? throw ApiException.BadRequest("error decoding patch: the applied configuration is not an object");
            if (string.IsNullOrEmpty(applied.Text("kind")) || string.IsNullOrEmpty(applied.Text("apiVersion")))
            {
                throw ApiException.BadRequest("Object 'Kind' and 'apiVersion' must be set in an applied configuration");
            }

            ObjectShaping.CheckHeader(applied, target);
            ObjectShaping.CheckPlace(applied, target);
            await FinishAsync(context, target, await _writer.ApplyAsync(target, applied, write, cancellationToken), write);
            return;
        }

        Func<JsonObject, JsonObject> change = type switch
        {
            "application/json-patch+json" => current => JsonPatch.Apply(current, patch) as JsonObject ?? throw ApiException.BadRequest("the patch does not leave an object"),
            "application/merge-patch+json" => current => MergePatch.Apply(current, Object(patch)) as JsonObject ?? throw ApiException.BadRequest("the patch does not leave an object"),
            _ => current => MergePatch.ApplyStrategic(current, Object(patch), target.Version.Whole),
        };
        var result = await _writer.PatchAsync(
            target,
            current =>
            {
                var version = current.Text("metadata", "resourceVersion");
                var changed = change(current);
                ObjectShaping.CheckHeader(changed, target);
                // A patch without a version is about the object as it is now.
                if (changed.Text("metadata", "resourceVersion") is null or "")
                {
                    changed.Child("metadata")["resourceVersion"] = version;
                }

                return changed;
            },
            write,
            cancellationToken);
        await FinishAsync(context, target, result, write);
    }

    private async Task DeleteAsync(HttpContext context, Target target, CancellationToken cancellationToken)
    {
        var delete = DeleteOptions.Read(await RequestBody.ReadObjectAsync(context.Request, null, cancellationToken), context.Request.Query);
        var (value, gone) = await _deleter.DeleteAsync(target, delete, cancellationToken);
        if (gone && target.Kind.Resource != "pods")
        {
            await Responses.WriteAsync(context, 200, ApiException.Success(target.Name, target.Kind.Group, target.Kind.Plural, value.Text("metadata", "uid") ?? ""));
            return;
        }

        await ShowAsync(context, 200, target, value);
    }

    private async Task DeleteCollectionAsync(HttpContext context, Target target, CancellationToken cancellationToken)
    {
        if (target.Kind.Namespaced && target.Namespace.Length == 0)
        {
            throw ApiException.MethodNotAllowed();
        }

        var delete = DeleteOptions.Read(await RequestBody.ReadObjectAsync(context.Request, null, cancellationToken), context.Request.Query);
        var page = _reader.List(target, ListQuery(context.Request, target.Kind));
        foreach (var stored in page.Stored)
        {
            try
            {
                await _deleter.DeleteAsync(target with { Name = stored.Key.Name }, delete, cancellationToken);
            }
            catch (ApiException e) when (e.Code == 404)
            {
                continue; // Somebody else was faster.
            }
        }

        await ShowAsync(context, page);
    }

    private async Task BindAsync(HttpContext context, Target target, CancellationToken cancellationToken)
    {
        var body = await RequestBody.ReadObjectAsync(context.Request, null, cancellationToken);
        var node = body.Text("target", "name") ?? throw ApiException.BadRequest("target.name: Required value");
        await _writer.PatchAsync(
            target with { Subresource = "" },
            pod =>
            {
                if (!string.IsNullOrEmpty(pod.Text("spec", "nodeName")))
                {
                    throw ApiException.Conflict("", "pods/binding", target.Name, $"pod {target.Name} is already assigned to node \"{pod.Text("spec", "nodeName")}\"");
                }

                pod.Child("spec")["nodeName"] = node;
                return pod;
            },
            ReadOptions(context, isApply: false),
            cancellationToken);
        await Responses.WriteAsync(context, 201, ApiException.Success(target.Name, "", "pods", ""));
    }

    private Task WatchAsync(HttpContext context, Target target, CancellationToken cancellationToken)
    {
        var query = context.Request.Query;
        if (query.ContainsKey("sendInitialEvents"))
        {
            var violations = new Violations();
            violations.Forbidden("sendInitialEvents", "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled");
            violations.ThrowIfAny("meta.k8s.io", "ListOptions", "");
        }

        var timeout = long.TryParse(query["timeoutSeconds"], out var seconds) && seconds > 0 ? TimeSpan.FromSeconds(Math.Min(seconds, 86_400)) : DefaultWatch;
        var watch = new WatchQuery(
            target,
            Selector.Parse(query["labelSelector"]),
            FieldSelector.Parse(query["fieldSelector"], target.Kind),
            query["resourceVersion"].ToString(),
            query["allowWatchBookmarks"] == "true" || query["allowWatchBookmarks"] == "1",
            timeout,
            Responses.Negotiate(context.Request),
            IncludeObject(context.Request));
        return new WatchStream(store, options, watch, context.Response).RunAsync(cancellationToken);
    }

    private async Task<(JsonObject Body, WriteOptions Options)> ReadBodyAsync(HttpContext context, Target target, CancellationToken cancellationToken)
    {
        var write = ReadOptions(context, isApply: false);
        var duplicates = new List<string>();
        var body = await RequestBody.ReadObjectAsync(context.Request, duplicates, cancellationToken) ?? throw ApiException.BadRequest("the request has no body");
        ObjectShaping.CheckHeader(body, target);
        ObjectShaping.CheckPlace(body, target);
        if (duplicates.Count > 0 && write.Validation == FieldValidation.Strict)
        {
            throw ObjectShaping.StrictError(target, duplicates.Select(d => $"duplicate field \"{d}\""));
        }

        if (write.Validation == FieldValidation.Warn)
        {
            write.Warnings.AddRange(duplicates.Select(d => $"duplicate field \"{d}\""));
        }

        return (body, write);
    }

    internal static WriteOptions ReadOptions(HttpContext context, bool isApply)
    {
        var query = context.Request.Query;
        var manager = query["fieldManager"].ToString();
        if (manager.Length == 0 && isApply)
        {
            var violations = new Violations();
            violations.Required("fieldManager", "is required for apply patch");
            violations.ThrowIfAny("meta.k8s.io", "PatchOptions", "");
        }

        if (manager.Length == 0)
        {
            var agent = context.Request.Headers.UserAgent.ToString().Split('/')[0];
            manager = agent.Length == 0 ? "unknown" : agent;
        }

        if (manager.Length > 128)
        {
            throw ApiException.BadRequest("fieldManager: Too long: may not be more than 128 bytes");
        }

        if (query.ContainsKey("force") && !isApply)
        {
            throw ApiException.BadRequest("PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch");
        }

        var dryRun = query["dryRun"];
        if (dryRun.Count > 0 && dryRun.Any(d => d != "All"))
        {
            throw ApiException.BadRequest($"dryRun: Unsupported value: \"{dryRun}\": supported values: \"All\"");
        }

        return new WriteOptions
        {
            Manager = manager,
            DryRun = dryRun.Count > 0,
            Force = query["force"] == "true",
            Validation = query["fieldValidation"].ToString() switch
            {
                "" or "Warn" => FieldValidation.Warn,
                "Ignore" => FieldValidation.Ignore,
                "Strict" => FieldValidation.Strict,
                var other => throw ApiException.BadRequest($"fieldValidation: Unsupported value: \"{other}\": supported values: \"Ignore\", \"Strict\", \"Warn\""),
            },
        };
    }

    internal async Task FinishAsync(HttpContext context, Target target, WriteResult result, WriteOptions write)
    {
        foreach (var warning in write.Warnings.Distinct(StringComparer.Ordinal))
        {
            Responses.Warn(context, warning);
        }

        await ShowAsync(context, result.Created ? 201 : 200, target, result.Object);
    }

    private Task ShowAsync(HttpContext context, int code, Target target, JsonObject value) => Responses.WriteAsync(context, code, Responses.Negotiate(context.Request) switch
    {
        Shape.Table => TableWriter.Write(
            [value],
            target.Version,
            new JsonObject { ["resourceVersion"] = value.Text("metadata", "resourceVersion") },
            IncludeObject(context.Request),
            withColumns: true,
            options.Time.GetUtcNow()),
        Shape.Metadata => TableWriter.Partial(value),
        _ => value,
    });

    private Task ShowAsync(HttpContext context, ListPage page) => Responses.Negotiate(context.Request) switch
    {
        Shape.Table => Responses.WriteAsync(
            context,
            200,
            TableWriter.Write(page.Objects, page.Target.Version, page.Metadata, IncludeObject(context.Request), withColumns: true, options.Time.GetUtcNow())),
        Shape.Metadata => Responses.WriteAsync(context, 200, new JsonObject
        {
            ["kind"] = "PartialObjectMetadataList",
            ["apiVersion"] = "meta.k8s.io/v1",
            ["metadata"] = page.Metadata,
            ["items"] = new JsonArray([.. page.Objects.Select(o => (JsonNode)TableWriter.Partial(o))]),
        }),
        _ => Responses.WriteAsync(context, 200, page.ToJson()),
    };

    private static JsonObject Object(JsonNode? patch) =>
        patch as JsonObject ?? throw ApiException.BadRequest("error decoding patch: a merge patch is an object");

    private static bool IsWatch(HttpRequest request) => request.Query["watch"] == "true" || request.Query["watch"] == "1";

    private static string IncludeObject(HttpRequest request) => request.Query["includeObject"].ToString();

    private static ListQuery ListQuery(HttpRequest request, ResourceKind kind)
    {
        var query = request.Query;
        return new ListQuery(
            Selector.Parse(query["labelSelector"]),
            FieldSelector.Parse(query["fieldSelector"], kind),
            long.TryParse(query["limit"], out var limit) ? limit : 0,
            query["continue"].ToString(),
            query["resourceVersion"].ToString(),
            query["resourceVersionMatch"].ToString());
    }
}
