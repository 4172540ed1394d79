using System.Security.Cryptography;

namespace Chat.Cells.LocalCluster.ApiServer.Discovery;

/// <summary>
/// <c>/openapi/v3</c>: what kubectl needs to let the server validate fields, and to explain kinds. Strategic merge is not announced there: kubectl then uses the merge keys
/// that it has built in, which are the ones used here.
/// </summary>
internal static class OpenApiDocuments
{
    public static JsonObject Index(IReadOnlyList<ResourceKind> kinds)
    {
        var paths = new JsonObject();
        foreach (var (group, version) in kinds.SelectMany(k => k.Versions.Select(v => (k.Group, v.Name))).Distinct())
        {
            var path = group.Length == 0 ? $"api/{version}" : $"apis/{group}/{version}";
            var hash = Convert.ToHexString(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(Document(kinds, group, version), JsonText.Options)));
            paths[path] = new JsonObject { ["serverRelativeURL"] = $"/openapi/v3/{path}?hash={hash}" };
        }

        return new JsonObject { ["paths"] = paths };
    }

    public static JsonObject Document(IReadOnlyList<ResourceKind> kinds, string group, string version)
    {
        var paths = new JsonObject();
        var schemas = new JsonObject();
        foreach (var kind in kinds.Where(k => k.Group == group))
        {
            if (kind.Version(version) is not { } served)
            {
                continue;
            }

            var gvk = new JsonObject { ["group"] = group, ["version"] = version, ["kind"] = kind.Kind };
            var name = SchemaName(group, version, kind.Kind);
            var root = (group.Length == 0 ? $"/api/{version}" : $"/apis/{group}/{version}") + (kind.Namespaced ? "/namespaces/{namespace}" : "");
            paths[$"{root}/{kind.Plural}"] = new JsonObject { ["get"] = Operation("list", gvk), ["post"] = Operation("post", gvk, writes: true) };
            paths[$"{root}/{kind.Plural}/{{name}}"] = new JsonObject
            {
                ["get"] = Operation("get", gvk),
                ["put"] = Operation("put", gvk, writes: true),
                ["patch"] = Operation("patch", gvk, writes: true),
                ["delete"] = Operation("delete", gvk),
            };
            var schema = Write(served.Whole, served.Schema.Description);
            schema["x-kubernetes-group-version-kind"] = new JsonArray(gvk.DeepClone());
            schemas[name] = schema;
        }

        if (schemas.Count == 0)
        {
            throw ApiException.NoSuchResource();
        }

        return new JsonObject
        {
            ["openapi"] = "3.0.0",
            ["info"] = new JsonObject { ["title"] = "Chat.Cells LocalCluster", ["version"] = DiscoveryDocuments.GitVersion },
            ["paths"] = paths,
            ["components"] = new JsonObject { ["schemas"] = schemas },
        };
    }

    private static string SchemaName(string group, string version, string kind) =>
        group.Length == 0 ? $"io.k8s.api.core.{version}.{kind}" : $"{string.Join('.', group.Split('.').Reverse())}.{version}.{kind}";

    private static JsonObject Operation(string action, JsonObject gvk, bool writes = false)
    {
        var operation = new JsonObject { ["x-kubernetes-action"] = action, ["x-kubernetes-group-version-kind"] = gvk.DeepClone() };
        if (writes)
        {
            operation["parameters"] = new JsonArray(Parameter("dryRun"), Parameter("fieldManager"), Parameter("fieldValidation"));
        }

        return operation;
    }

    private static JsonNode Parameter(string name) => new JsonObject
    {
        ["name"] = name,
        ["in"] = "query",
        ["schema"] = new JsonObject { ["type"] = "string", ["uniqueItems"] = true },
    };

    private static JsonObject Write(Schema schema, string description = "")
    {
        var json = new JsonObject();
        if (schema.Description.Length + description.Length > 0)
        {
            json["description"] = description.Length > 0 ? description : schema.Description;
        }

        if (schema.Type.Length > 0)
        {
            json["type"] = schema.Type;
        }

        if (schema.Format.Length > 0)
        {
            json["format"] = schema.Format;
        }

        if (schema.Enum.Count > 0)
        {
            json["enum"] = new JsonArray([.. schema.Enum.Select(e => e?.DeepClone())]);
        }

        if (schema.Default is not null)
        {
            json["default"] = schema.Default.DeepClone();
        }

        if (schema.Required.Count > 0)
        {
            json["required"] = new JsonArray([.. schema.Required.Select(r => (JsonNode)r)]);
        }

        if (schema.Properties.Count > 0)
        {
            var properties = new JsonObject();
            foreach (var (name, member) in schema.Properties)
            {
                properties[name] = Write(member);
            }

            json["properties"] = properties;
        }

        if (schema.AdditionalProperties is not null)
        {
            json["additionalProperties"] = Write(schema.AdditionalProperties);
        }

        if (schema.Items is not null)
        {
            json["items"] = Write(schema.Items);
        }

        if (schema.IntOrString)
        {
            json["x-kubernetes-int-or-string"] = true;
        }

        if (schema.PreserveUnknown)
        {
            json["x-kubernetes-preserve-unknown-fields"] = true;
        }

        foreach (var name in (string[])["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern"])
        {
            if (schema.Rules[name] is { } rule)
            {
                json[name] = rule.DeepClone();
            }
        }

        return json;
    }
}
