using System.Security.Cryptography;
using System.Text;

namespace Chat.Cells.LocalCluster.ApiServer.Discovery;

/// <summary>What is served: <c>/version</c>, <c>/api</c>, <c>/apis</c> and below.</summary>
internal static class DiscoveryDocuments
{
    public const string GitVersion = "v1.32.0+chatcells.local";

    public static JsonObject Version() => new()
    {
        ["major"] = "1",
        ["minor"] = "32",
        ["gitVersion"] = GitVersion,
        ["gitCommit"] = "",
        ["gitTreeState"] = "clean",
        ["buildDate"] = "2024-12-11T00:00:00Z",
        ["goVersion"] = "",
        ["compiler"] = "dotnet",
        ["platform"] = "linux/amd64",
    };

    public static JsonObject CoreVersions(string address) => new()
    {
        ["kind"] = "APIVersions",
        ["versions"] = new JsonArray("v1"),
        ["serverAddressByClientCIDRs"] = new JsonArray(new JsonObject { ["clientCIDR"] = "0.0.0.0/0", ["serverAddress"] = address }),
    };

    public static JsonObject Groups(IReadOnlyList<ResourceKind> kinds) => new()
    {
        ["kind"] = "APIGroupList",
        ["apiVersion"] = "v1",
        ["groups"] = new JsonArray([.. kinds.Where(IsServed).Select(k => k.Group).Distinct(StringComparer.Ordinal).Select(g => (JsonNode)GroupBody(kinds, g))]),
    };

    public static JsonObject Group(IReadOnlyList<ResourceKind> kinds, string group)
    {
        if (!kinds.Any(k => k.Group == group && IsServed(k)))
        {
            throw ApiException.NoSuchResource();
        }

        var body = GroupBody(kinds, group);
        var result = new JsonObject { ["kind"] = "APIGroup", ["apiVersion"] = "v1" };
        foreach (var (name, value) in body)
        {
            result[name] = value?.DeepClone();
        }

        return result;
    }

    public static JsonObject Resources(IReadOnlyList<ResourceKind> kinds, string group, string version)
    {
        var served = kinds.Where(k => k.Group == group && k.Version(version) is not null).ToList();
        if (served.Count == 0)
        {
            throw ApiException.NoSuchResource();
        }

        var resources = new JsonArray();
        foreach (var kind in served)
        {
            resources.Add(Entry(kind));
            var v = kind.Version(version)!;
            if (v.HasStatus)
            {
                resources.Add(Sub(kind, "status", kind.Kind, ["get", "patch", "update"]));
            }

            if (v.Scale is not null)
            {
                var scale = Sub(kind, "scale", "Scale", ["get", "patch", "update"]);
                scale["group"] = "autoscaling";
                scale["version"] = "v1";
                resources.Add(scale);
            }

            if (kind.Resource == "pods")
            {
                resources.Add(Sub(kind, "log", "Pod", ["get"]));
                resources.Add(Sub(kind, "binding", "Binding", ["create"]));
            }
        }

        return new JsonObject
        {
            ["kind"] = "APIResourceList",
            ["apiVersion"] = "v1",
            ["groupVersion"] = group.Length == 0 ? version : $"{group}/{version}",
            ["resources"] = resources,
        };
    }

    // A CRD may have all its versions switched off.
    private static bool IsServed(ResourceKind kind) => kind.Group.Length > 0 && kind.Versions.Count > 0;

    private static JsonObject Entry(ResourceKind kind)
    {
        var resource = new JsonObject
        {
            ["name"] = kind.Plural,
            ["singularName"] = kind.Singular,
            ["namespaced"] = kind.Namespaced,
            ["kind"] = kind.Kind,
            ["verbs"] = new JsonArray("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"),
        };
        if (kind.ShortNames.Count > 0)
        {
            resource["shortNames"] = Strings(kind.ShortNames);
        }

        if (kind.Categories.Count > 0)
        {
            resource["categories"] = Strings(kind.Categories);
        }

        resource["storageVersionHash"] = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes($"{kind.Group}/{kind.StorageVersion}/{kind.Kind}")).AsSpan(0, 8));
        return resource;
    }

    private static JsonObject Sub(ResourceKind kind, string name, string type, string[] verbs) => new()
    {
        ["name"] = $"{kind.Plural}/{name}",
        ["singularName"] = "",
        ["namespaced"] = kind.Namespaced,
        ["kind"] = type,
        ["verbs"] = Strings(verbs),
    };

    private static JsonObject GroupBody(IReadOnlyList<ResourceKind> kinds, string group)
    {
        var versions = kinds.Where(k => k.Group == group).SelectMany(k => k.Versions).Select(v => v.Name).Distinct(StringComparer.Ordinal).Order(VersionOrder.Instance)
            .Select(v => new JsonObject { ["groupVersion"] = $"{group}/{v}", ["version"] = v }).ToList();
        return new JsonObject
        {
            ["name"] = group,
            ["versions"] = new JsonArray([.. versions.Select(v => v.DeepClone())]),
            ["preferredVersion"] = versions[0].DeepClone(),
        };
    }

    private static JsonArray Strings(IEnumerable<string> values) => new([.. values.Select(v => (JsonNode)v)]);
}
