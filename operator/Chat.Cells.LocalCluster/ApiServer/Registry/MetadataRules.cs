namespace Chat.Cells.LocalCluster.ApiServer.Registry;

/// <summary>The checks of <c>metadata</c> that all kinds share.</summary>
internal static class MetadataRules
{
    private const int MaxAnnotationBytes = 256 * 1024;

    /// <summary>Keeps only what metadata may hold, and names what was dropped.</summary>
    public static IReadOnlyList<string> Prune(JsonObject value)
    {
        if (value["metadata"] is not JsonObject metadata)
        {
            if (value["metadata"] is not null)
            {
                throw ApiException.BadRequest("metadata must be an object");
            }

            value["metadata"] = new JsonObject();
            return [];
        }

        var found = new Violations();
        var wrapped = new JsonObject { ["metadata_"] = metadata.DeepClone() };
        SchemaValidation.Validate(wrapped, new Schema { Type = "object", Properties = { ["metadata_"] = BuiltInSchemas.ObjectMeta } }, found);
        if (found.Causes.Count > 0)
        {
            throw ApiException.BadRequest($"metadata can't be read: {found.Causes[0].Field.Replace("metadata_", "metadata", StringComparison.Ordinal)}: {found.Causes[0].Message.Replace("metadata_", "metadata", StringComparison.Ordinal)}");
        }

        // Null members of typed structures are absent members.
        foreach (var name in metadata.Where(p => p.Value is null).Select(p => p.Key).ToList())
        {
            metadata.Remove(name);
        }

        return [.. SchemaShaping.Prune(metadata, BuiltInSchemas.ObjectMeta).Select(p => "metadata." + p)];
    }

    public static void Validate(JsonObject value, ResourceKind kind, Violations violations)
    {
        var metadata = value["metadata"] as JsonObject ?? [];
        var name = metadata.Text("name") ?? "";
        if (name.Length == 0)
        {
            violations.Required("metadata.name", "name or generateName is required");
        }
        else if (kind.Rules.NameProblem(name) is { } problem)
        {
            violations.Invalid("metadata.name", name, problem);
        }

        foreach (var (key, label) in metadata["labels"] as JsonObject ?? [])
        {
            if (Names.QualifiedNameProblem(key) is { } keyProblem)
            {
                violations.Invalid("metadata.labels", key, keyProblem);
            }

            if (Names.LabelValueProblem(label.Text() ?? "") is { } valueProblem)
            {
                violations.Invalid("metadata.labels", label, valueProblem);
            }
        }

        var size = 0;
        foreach (var (key, annotation) in metadata["annotations"] as JsonObject ?? [])
        {
            size += key.Length + (annotation.Text() ?? "").Length;
            if (Names.QualifiedNameProblem(key.ToLowerInvariant()) is { } keyProblem)
            {
                violations.Invalid("metadata.annotations", key, keyProblem);
            }
        }

        if (size > MaxAnnotationBytes)
        {
            violations.TooLong("metadata.annotations", MaxAnnotationBytes);
        }

        ValidateOwners(metadata, violations);
        foreach (var finalizer in metadata.Texts("finalizers"))
        {
            if (Names.QualifiedNameProblem(finalizer) is { } finalizerProblem)
            {
                violations.Invalid("metadata.finalizers", finalizer, finalizerProblem);
            }
        }
    }

    /// <summary>The members that never change by a request.</summary>
    public static void ValidateUpdate(JsonObject value, JsonObject old, Violations violations)
    {
        if (old.At("metadata", "deletionTimestamp") is not null)
        {
            var before = old.At("metadata").Texts("finalizers").ToHashSet(StringComparer.Ordinal);
            var added = value.At("metadata").Texts("finalizers").Where(f => !before.Contains(f)).ToList();
            if (added.Count > 0)
            {
                violations.Forbidden(
                    "metadata.finalizers",
                    $"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{string.Join(", ", added.Select(f => $"\"{f}\""))}}}");
            }
        }
    }

    private static void ValidateOwners(JsonObject metadata, Violations violations)
    {
        var controllers = 0;
        var index = 0;
        foreach (var owner in metadata.Items("ownerReferences"))
        {
            var at = $"metadata.ownerReferences[{index++}]";
            foreach (var name in (string[])["apiVersion", "kind", "name", "uid"])
            {
                if (string.IsNullOrEmpty(owner.Text(name)))
                {
                    violations.Invalid($"{at}.{name}", owner.Text(name) ?? "", $"{name} must not be empty");
                }
            }

            if (owner.Flag("controller") == true && ++controllers > 1)
            {
                violations.Invalid("metadata.ownerReferences", metadata["ownerReferences"], "Only one reference can have Controller set to true");
            }
        }
    }
}
