namespace Chat.Cells.LocalCluster.ApiServer.Crd;

/// <summary>CustomResourceDefinitions: checked as a whole, names accepted or refused, established at once.</summary>
internal sealed class CrdRules : KindRules
{
    /// <summary>Holds a deleted CRD until its objects are gone.</summary>
    public const string Finalizer = "customresourcecleanup.apiextensions.k8s.io";

    public override void PrepareCreate(JsonObject value, WriteContext context)
    {
        Complete(value);
        value["status"] = Status(value, null, context);
        var finalizers = value.Child("metadata")["finalizers"] as JsonArray ?? [];
        if (!value.At("metadata").Texts("finalizers").Contains(Finalizer, StringComparer.Ordinal))
        {
            finalizers.Add(Finalizer);
            value.Child("metadata")["finalizers"] = finalizers.Parent is null ? finalizers : finalizers.DeepClone();
        }
    }

    public override void PrepareUpdate(JsonObject value, JsonObject old, WriteContext context)
    {
        Complete(value);
        value["status"] = Status(value, old["status"] as JsonObject, context);
    }

    public override void Validate(JsonObject value, JsonObject? old, Violations violations)
    {
        if (value["spec"] is not JsonObject spec)
        {
            return;
        }

        var names = spec["names"] as JsonObject ?? [];
        var expected = $"{names.Text("plural")}.{spec.Text("group")}";
        if (value.Text("metadata", "name") != expected)
        {
            violations.Invalid("metadata.name", value.At("metadata", "name"), $"must be spec.names.plural+\".\"+spec.group");
        }

        if (spec.Text("scope") is { } scope and not ("Namespaced" or "Cluster"))
        {
            violations.NotSupported("spec.scope", scope, ["Cluster", "Namespaced"]);
        }

        if (Names.ServiceProblem(names.Text("plural") ?? "") is { } plural)
        {
            violations.Invalid("spec.names.plural", names["plural"], plural);
        }

        if (Names.ServiceProblem((names.Text("kind") ?? "").ToLowerInvariant()) is { } kind)
        {
            violations.Invalid("spec.names.kind", names["kind"], "may have mixed case, but should otherwise match: " + kind);
        }

        if ((spec.Text("group") ?? "").Split('.').Length < 2)
        {
            violations.Invalid("spec.group", spec["group"], "should be a domain with at least one dot");
        }

        if (spec.Text("conversion", "strategy") is { } strategy and not "None")
        {
            violations.Invalid("spec.conversion.strategy", strategy, "conversion webhooks are not supported here; supported: None");
        }

        if (spec.Flag("preserveUnknownFields") == true)
        {
            violations.Invalid("spec.preserveUnknownFields", true, "must be false in order to use defaults in the schema");
        }

        ValidateVersions(spec, violations);
        if (old is not null)
        {
            foreach (var (field, path) in ((string, string[])[])[("spec.group", ["spec", "group"]), ("spec.scope", ["spec", "scope"]), ("spec.names.plural", ["spec", "names", "plural"]), ("spec.names.kind", ["spec", "names", "kind"])])
            {
                if (!JsonNodes.Same(value.At(path), old.At(path)))
                {
                    violations.Invalid(field, value.At(path), "field is immutable");
                }
            }
        }
    }

    private static void ValidateVersions(JsonObject spec, Violations violations)
    {
        var versions = spec.Items("versions").ToList();
        if (versions.Count(v => v.Flag("storage") == true) != 1)
        {
            violations.Invalid("spec.versions", spec["versions"], "must have exactly one version marked as storage version");
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < versions.Count; i++)
        {
            var at = $"spec.versions[{i}]";
            if (!seen.Add(versions[i].Text("name") ?? ""))
            {
                violations.Duplicate($"{at}.name", versions[i]["name"]);
            }

            if (versions[i].At("schema", "openAPIV3Schema") is not JsonObject schema)
            {
                violations.Required($"{at}.schema.openAPIV3Schema", "schemas are required");
            }
            else
            {
                SchemaReader.Read(schema, $"{at}.schema.openAPIV3Schema", violations);
            }

            if (versions[i]["selectableFields"] is JsonArray { Count: > 0 })
            {
                violations.Forbidden($"{at}.selectableFields", "not supported here");
            }

            CrdColumns.Validate(versions[i], at, violations);
            if (versions[i].At("subresources", "scale") is JsonObject scale)
            {
                if (scale.Text("specReplicasPath") is not { } path || !path.StartsWith(".spec.", StringComparison.Ordinal))
                {
                    violations.Invalid($"{at}.subresources.scale.specReplicasPath", scale["specReplicasPath"], "should be a json path under .spec");
                }

                if (scale.Text("statusReplicasPath") is not { } statusPath || !statusPath.StartsWith(".status.", StringComparison.Ordinal))
                {
                    violations.Invalid($"{at}.subresources.scale.statusReplicasPath", scale["statusReplicasPath"], "should be a json path under .status");
                }
            }
        }
    }

    private static void Complete(JsonObject value)
    {
        if (value["spec"] is JsonObject spec && spec["names"] is JsonObject names)
        {
            names["singular"] ??= (names.Text("kind") ?? "").ToLowerInvariant();
            names["listKind"] ??= names.Text("kind") + "List";
        }
    }

    private static JsonObject Status(JsonObject value, JsonObject? before, WriteContext context)
    {
        var spec = value["spec"] as JsonObject ?? [];
        var conflict = NameConflict(value, spec, context);
        var storage = spec.Items("versions").FirstOrDefault(v => v.Flag("storage") == true).Text("name");
        var stored = before.Texts("storedVersions").ToList();
        if (storage is not null && !stored.Contains(storage, StringComparer.Ordinal))
        {
            stored.Add(storage);
        }

        var now = Timestamps.Seconds(context.Now);
        var established = conflict is null || before.Items("conditions").Any(c => c.Text("type") == "Established" && c.Text("status") == "True");
        return new JsonObject
        {
            ["conditions"] = new JsonArray(
                Condition(before, "NamesAccepted", conflict is null, conflict is null ? "NoConflicts" : "NamesConflict", conflict ?? "no conflicts found", now),
                Condition(before, "Established", established, established ? "InitialNamesAccepted" : "NotAccepted", established ? "the initial names have been accepted" : "not all names are accepted", now)),
            ["acceptedNames"] = spec["names"]?.DeepClone(),
            ["storedVersions"] = new JsonArray([.. stored.Select(s => (JsonNode)s)]),
        };
    }

    private static JsonObject Condition(JsonObject? before, string type, bool holds, string reason, string message, string now)
    {
        var status = holds ? "True" : "False";
        var same = before.Items("conditions").FirstOrDefault(c => c.Text("type") == type && c.Text("status") == status);
        return new JsonObject
        {
            ["type"] = type,
            ["status"] = status,
            ["lastTransitionTime"] = same.Text("lastTransitionTime") ?? now,
            ["reason"] = reason,
            ["message"] = message,
        };
    }

    private static string? NameConflict(JsonObject value, JsonObject spec, WriteContext context)
    {
        var group = spec.Text("group");
        var name = value.Text("metadata", "name");
        var names = spec["names"] as JsonObject ?? [];
        foreach (var other in context.Transaction.Objects.List("customresourcedefinitions.apiextensions.k8s.io").Where(o => o.Key.Name != name).Select(o => o.Parse()))
        {
            if (other.Text("spec", "group") != group || !CrdNamesCondition.IsTrue(other, "Established"))
            {
                continue;
            }

            var taken = other["spec"]!["names"]!;
            if (taken.Text("kind") == names.Text("kind"))
            {
                return $"\"{names.Text("kind")}\" is already in use";
            }

            var theirs = taken.Texts("shortNames").Append(taken.Text("singular") ?? "").Append(taken.Text("plural") ?? "").ToHashSet(StringComparer.Ordinal);
            var clash = names.Texts("shortNames").Append(names.Text("singular") ?? "").FirstOrDefault(theirs.Contains);
            if (clash is not null)
            {
                return $"\"{clash}\" is already in use";
            }
        }

        return BuiltInKinds.All.Any(k => k.Group == group) ? $"the group \"{group}\" is served by built-in kinds" : null;
    }
}
