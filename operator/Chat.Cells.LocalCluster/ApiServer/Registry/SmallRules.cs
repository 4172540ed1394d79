using System.Text;

namespace Chat.Cells.LocalCluster.ApiServer.Registry;

/// <summary>Namespaces: phase, the finalizer of the built-in cleaner, the default service account.</summary>
internal sealed class NamespaceRules : KindRules
{
    public override string? NameProblem(string name) => Names.LabelProblem(name);

    public override void PrepareCreate(JsonObject value, WriteContext context)
    {
        value["status"] = new JsonObject { ["phase"] = "Active" };
        value.Child("spec")["finalizers"] = new JsonArray("kubernetes");
        value.Child("metadata").Child("labels")["kubernetes.io/metadata.name"] = value.Text("metadata", "name");
    }

    public override void PrepareUpdate(JsonObject value, JsonObject old, WriteContext context)
    {
        value["spec"] = old["spec"]?.DeepClone();
        value.Child("metadata").Child("labels")["kubernetes.io/metadata.name"] = value.Text("metadata", "name");
    }

    public override void Written(JsonObject value, JsonObject? old, WriteContext context)
    {
        var name = value.Text("metadata", "name")!;
        var key = new ObjectKey("serviceaccounts", name, "default");
        if (old is null && context.Transaction.Get(key) is null)
        {
            context.Transaction.Put(key, new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "ServiceAccount",
                ["metadata"] = new JsonObject
                {
                    ["name"] = "default",
                    ["namespace"] = name,
                    ["uid"] = Guid.NewGuid().ToString(),
                    ["creationTimestamp"] = Timestamps.Seconds(context.Now),
                },
            });
        }
    }

    public override Func<JsonObject, string>? SelectableField(string path) => path == "status.phase" ? o => o.Text("status", "phase") ?? "" : null;
}

/// <summary>ConfigMaps and Secrets: stringData, base64, immutability.</summary>
internal sealed class DataRules(bool isSecret) : KindRules
{
    private const int MaxBytes = 1024 * 1024;

    public override void PrepareCreate(JsonObject value, WriteContext context) => Encode(value);

    public override void PrepareUpdate(JsonObject value, JsonObject old, WriteContext context) => Encode(value);

    public override Func<JsonObject, string>? SelectableField(string path) => isSecret && path == "type" ? o => o.Text("type") ?? "" : null;

    public override void Validate(JsonObject value, JsonObject? old, Violations violations)
    {
        var size = 0;
        foreach (var field in (string[])["data", "binaryData"])
        {
            foreach (var (key, member) in value[field] as JsonObject ?? [])
            {
                var text = member.Text() ?? "";
                size += text.Length;
                if (key.Length is 0 or > 253 || key is "." or ".." || !key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
                {
                    violations.Invalid($"{field}[{key}]", key, "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')");
                }

                if ((isSecret || field == "binaryData") && !Convert.TryFromBase64String(text, new byte[text.Length], out _))
                {
                    throw ApiException.BadRequest($"{field}.{key}: illegal base64 data");
                }
            }
        }

        if (size > MaxBytes)
        {
            violations.TooLong("data", MaxBytes);
        }

        if (old is null)
        {
            return;
        }

        if (old.Flag("immutable") == true)
        {
            if (value.Flag("immutable") != true)
            {
                violations.Forbidden("immutable", "field is immutable when `immutable` is set");
            }

            if (!JsonNodes.Same(value["data"], old["data"]) || !JsonNodes.Same(value["binaryData"], old["binaryData"]))
            {
                violations.Forbidden("data", "field is immutable when `immutable` is set");
            }
        }

        if (isSecret && value.Text("type") != old.Text("type"))
        {
            violations.Invalid("type", value["type"], "field is immutable");
        }
    }

    private void Encode(JsonObject value)
    {
        if (isSecret && value["stringData"] is JsonObject texts)
        {
            var data = value.Child("data");
            foreach (var (key, text) in texts)
            {
                data[key] = Convert.ToBase64String(Encoding.UTF8.GetBytes(text.Text() ?? ""));
            }
        }

        value.Remove("stringData");
    }
}

/// <summary>Nodes come with their status; they have no namespace to be checked.</summary>
internal sealed class NodeRules : KindRules
{
    public override void PrepareCreate(JsonObject value, WriteContext context)
    {
    }

    public override Func<JsonObject, string>? SelectableField(string path) =>
        path == "spec.unschedulable" ? o => o.Flag("spec", "unschedulable") == true ? "true" : "false" : null;
}

/// <summary>Claims start pending; their spec is fixed except for growing.</summary>
internal sealed class ClaimRules : KindRules
{
    public override void PrepareCreate(JsonObject value, WriteContext context) => value["status"] = new JsonObject { ["phase"] = "Pending" };

    public override void Validate(JsonObject value, JsonObject? old, Violations violations)
    {
        if (value.At("spec", "accessModes") is not JsonArray { Count: > 0 })
        {
            violations.Required("spec.accessModes", "at least 1 access mode is required");
        }

        if (value.At("spec", "resources", "requests", "storage") is null)
        {
            violations.Required("spec.resources[storage]");
        }

        if (old is null)
        {
            return;
        }

        foreach (var field in (string[])["accessModes", "selector", "storageClassName", "volumeMode", "dataSource"])
        {
            if (!JsonNodes.Same(value.At("spec", field), old.At("spec", field)))
            {
                violations.Forbidden("spec", "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims");
                return;
            }
        }
    }
}

/// <summary>Core events: the fields that selectors may name.</summary>
internal sealed class EventRules : KindRules
{
    public override Func<JsonObject, string>? SelectableField(string path) => path switch
    {
        "involvedObject.kind" or "involvedObject.namespace" or "involvedObject.name" or "involvedObject.uid" or "involvedObject.apiVersion"
            or "involvedObject.resourceVersion" or "involvedObject.fieldPath" => o => o.Text("involvedObject", path["involvedObject.".Length..]) ?? "",
        "reason" => o => o.Text("reason") ?? "",
        "type" => o => o.Text("type") ?? "",
        "reportingComponent" => o => o.Text("reportingComponent") ?? "",
        "source" => o => o.Text("source", "component") ?? o.Text("reportingComponent") ?? "",
        _ => null,
    };

    public override void Validate(JsonObject value, JsonObject? old, Violations violations)
    {
        var about = value.Text("involvedObject", "namespace") ?? "";
        var ns = value.Text("metadata", "namespace") ?? "";
        if (about.Length > 0 ? about != ns : ns != "default")
        {
            violations.Invalid("involvedObject.namespace", about, "does not match event.namespace");
        }
    }
}

/// <summary>Leases: holder and duration are sane.</summary>
internal sealed class LeaseRules : KindRules
{
    public override void Validate(JsonObject value, JsonObject? old, Violations violations)
    {
        if (value.Number("spec", "leaseDurationSeconds") is <= 0)
        {
            violations.Invalid("spec.leaseDurationSeconds", value.At("spec", "leaseDurationSeconds"), "must be greater than 0");
        }

        if (value.Number("spec", "leaseTransitions") is < 0)
        {
            violations.Invalid("spec.leaseTransitions", value.At("spec", "leaseTransitions"), "must be greater than or equal to 0");
        }
    }
}

/// <summary>EndpointSlices: the address type is fixed.</summary>
internal sealed class EndpointSliceRules : KindRules
{
    public override void Validate(JsonObject value, JsonObject? old, Violations violations)
    {
        if (value.Text("addressType") is { } type and not ("IPv4" or "IPv6" or "FQDN"))
        {
            violations.NotSupported("addressType", type, ["FQDN", "IPv4", "IPv6"]);
        }

        if (old is not null && value.Text("addressType") != old.Text("addressType"))
        {
            violations.Invalid("addressType", value["addressType"], "field is immutable");
        }
    }
}

/// <summary>Kinds whose names are path segments: roles and bindings, as in <c>system:node</c>.</summary>
internal sealed class PathNameRules : KindRules
{
    public override string? NameProblem(string name) => Names.PathSegmentProblem(name);
}

/// <summary>Times as Kubernetes writes them.</summary>
internal static class Timestamps
{
    public static string Seconds(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);

    public static DateTimeOffset? Parse(string? text) =>
        DateTimeOffset.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AssumeUniversal, out var time) ? time : null;
}
