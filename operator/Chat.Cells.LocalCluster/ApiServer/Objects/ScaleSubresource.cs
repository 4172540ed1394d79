namespace Chat.Cells.LocalCluster.ApiServer.Objects;

/// <summary>The scale subresource: an <c>autoscaling/v1</c> Scale that reads and writes the replicas of another object.</summary>
internal sealed class ScaleSubresource(ObjectStore store)
{
    public async Task HandleAsync(HttpContext context, Target target, ObjectWriter writer, CancellationToken cancellationToken)
    {
        var request = context.Request;
        switch (request.Method)
        {
            case "GET":
                var found = store.Read().Objects.Get(target.Key) ?? throw target.NotFound();
                await Responses.WriteAsync(context, 200, Show(found.Parse(), target));
                return;
            case "PUT":
                var body = await RequestBody.ReadObjectAsync(request, null, cancellationToken) ?? throw ApiException.BadRequest("the request has no body");
                await WriteAsync(context, target, writer, _ => body, cancellationToken);
                return;
            case "PATCH":
                var type = RequestBody.MediaType(request);
                var patch = RequestBody.Parse(await RequestBody.ReadBytesAsync(request, cancellationToken), isYaml: false, null);
                Func<JsonObject, JsonObject> change = type switch
                {
                    "application/json-patch+json" => o => JsonPatch.Apply(o, patch) as JsonObject ?? o,
                    "application/merge-patch+json" or "application/strategic-merge-patch+json" => o => MergePatch.Apply(o, patch) as JsonObject ?? o,
                    "application/apply-patch+yaml" => throw ApiException.NotSupportedHere("server-side apply of the scale subresource"),
                    _ => throw ApiException.UnsupportedMediaType("application/json-patch+json", "application/merge-patch+json"),
                };
                await WriteAsync(context, target, writer, change, cancellationToken);
                return;
            default:
                throw ApiException.MethodNotAllowed();
        }
    }

    private async Task WriteAsync(HttpContext context, Target target, ObjectWriter writer, Func<JsonObject, JsonObject> change, CancellationToken cancellationToken)
    {
        var write = ResourceEndpoints.ReadOptions(context, isApply: false);
        var result = await writer.PatchAsync(
            target,
            current =>
            {
                var scale = change(Show(current, target));
                var replicas = scale.Number("spec", "replicas") ?? 0;
                if (replicas < 0)
                {
                    var violations = new Violations();
                    violations.Invalid("spec.replicas", replicas, "must be greater than or equal to 0");
                    violations.ThrowIfAny("autoscaling", "Scale", target.Name);
                }

                Set(current, target.Version.Scale!.SpecReplicas, replicas);
                if (scale.Text("metadata", "resourceVersion") is { Length: > 0 } version)
                {
                    current.Child("metadata")["resourceVersion"] = version;
                }

                return current;
            },
            write,
            cancellationToken);
        await Responses.WriteAsync(context, 200, Show(result.Object, target));
    }

    private static JsonObject Show(JsonObject value, Target target)
    {
        var paths = target.Version.Scale!;
        var status = new JsonObject { ["replicas"] = Read(value, paths.StatusReplicas).AsLong() ?? 0 };
        var selector = paths.Selector.Length == 0 ? null : Read(value, paths.Selector);
        var text = selector is JsonObject o ? Selector.Format(o) : selector.Text();
        if (!string.IsNullOrEmpty(text))
        {
            status["selector"] = text;
        }

        var metadata = new JsonObject();
        foreach (var name in (string[])["name", "namespace", "uid", "resourceVersion", "creationTimestamp"])
        {
            if (value.At("metadata", name) is { } member)
            {
                metadata[name] = member.DeepClone();
            }
        }

        return new JsonObject
        {
            ["kind"] = "Scale",
            ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = metadata,
            ["spec"] = new JsonObject { ["replicas"] = Read(value, paths.SpecReplicas).AsLong() ?? 0 },
            ["status"] = status,
        };
    }

    private static JsonNode? Read(JsonObject value, string path) => value.At(path.TrimStart('.').Split('.'));

    private static void Set(JsonObject value, string path, long number)
    {
        var parts = path.TrimStart('.').Split('.');
        foreach (var part in parts[..^1])
        {
            value = value.Child(part);
        }

        value[parts[^1]] = number;
    }
}
