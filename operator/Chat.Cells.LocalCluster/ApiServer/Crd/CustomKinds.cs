namespace Chat.Cells.LocalCluster.ApiServer.Crd;

/// <summary>Makes the served kind of a stored CRD.</summary>
internal static class CustomKinds
{
    public static ResourceKind Make(JsonObject crd)
    {
        var spec = (JsonObject)crd["spec"]!;
        var names = (JsonObject)spec["names"]!;
        var versions = spec.Items("versions").ToList();
        return new ResourceKind
        {
            Group = spec.Text("group")!,
            Kind = names.Text("kind")!,
            Plural = names.Text("plural")!,
            Singular = names.Text("singular") ?? names.Text("kind")!.ToLowerInvariant(),
            ListKind = names.Text("listKind") ?? names.Text("kind") + "List",
            ShortNames = [.. names.Texts("shortNames")],
            Categories = [.. names.Texts("categories")],
            Namespaced = spec.Text("scope") == "Namespaced",
            StorageVersion = versions.First(v => v.Flag("storage") == true).Text("name")!,
            IsCustom = true,
            HasGeneration = true,
            IsTerminating = crd.At("metadata", "deletionTimestamp") is not null,
            Rules = new CustomRules(),
            Versions = [.. versions.Where(v => v.Flag("served") == true).OrderBy(v => v.Text("name")!, VersionOrder.Instance).Select(Version)],
        };

        ServedVersion Version(JsonObject v)
        {
            var name = v.Text("name")!;
            var deprecated = v.Flag("deprecated") == true;
            return new ServedVersion(name, SchemaReader.Read((JsonObject)v.At("schema", "openAPIV3Schema")!, "", new Violations()))
            {
                HasStatus = v.At("subresources", "status") is not null,
                Scale = v.At("subresources", "scale") is JsonObject scale
                    ? new ScalePaths(scale.Text("specReplicasPath")!, scale.Text("statusReplicasPath")!, scale.Text("labelSelectorPath") ?? "")
                    : null,
                Columns = CrdColumns.Read(v),
                Warning = deprecated ? v.Text("deprecationWarning") ?? $"{spec.Text("group")}/{name} {names.Text("kind")} is deprecated" : "",
            };
        }
    }
}

/// <summary>Kubernetes' order of versions, the best first: v2, v1, v1beta2, v1beta1, v1alpha1, then the rest by name.</summary>
internal sealed class VersionOrder : IComparer<string>
{
    public static VersionOrder Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        var (a, b) = (Rank(x!), Rank(y!));
        return a is null || b is null ? (a is null ? b is null ? string.CompareOrdinal(x, y) : 1 : -1) : b.Value.CompareTo(a.Value);
    }

    private static (int Stability, int Major, int Minor)? Rank(string name)
    {
        var match = SchemaPatterns.Get("^v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?$").Match(name);
        if (!match.Success || !int.TryParse(match.Groups[1].Value, out var major))
        {
            return null;
        }

        var minor = int.TryParse(match.Groups[3].Value, out var m) ? m : 0;
        return (match.Groups[2].Value switch { "alpha" => 0, "beta" => 1, _ => 2 }, major, minor);
    }
}

/// <summary>Rules of custom objects: their schema says everything.</summary>
internal sealed class CustomRules : KindRules
{
    public override void PrepareCreate(JsonObject value, WriteContext context)
    {
        // The writer drops status where there is a status subresource; elsewhere it is an ordinary field.
    }
}

/// <summary>Conditions of a CRD.</summary>
internal static class CrdNamesCondition
{
    public static bool IsTrue(JsonObject crd, string type) =>
        crd.At("status").Items("conditions").Any(c => c.Text("type") == type && c.Text("status") == "True");
}
