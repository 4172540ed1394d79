namespace Chat.Cells.LocalCluster.ApiServer.Objects;

/// <summary>Brings a body into the shape of its kind: header fields, unknown fields, defaults, validation.</summary>
internal static class ObjectShaping
{
    /// <summary>Checks that a body is what the path says, and gives it the header fields of the request.</summary>
    public static void CheckHeader(JsonObject body, Target target)
    {
        if (body["metadata"] is not (null or JsonObject))
        {
            throw ApiException.BadRequest("metadata must be an object");
        }

        var kind = body.Text("kind") ?? "";
        var version = body.Text("apiVersion") ?? "";
        if (version.Length > 0 && version != target.ApiVersion)
        {
            throw ApiException.BadRequest($"the API version in the data ({version}) does not match the expected API version ({target.ApiVersion})");
        }

        if (kind.Length > 0 && kind != target.Kind.Kind)
        {
            throw ApiException.BadRequest($"{kind} in version \"{target.Version.Name}\" cannot be handled as a {target.Kind.Kind}: no kind \"{kind}\" is registered here for this resource");
        }

        body["apiVersion"] = target.ApiVersion;
        body["kind"] = target.Kind.Kind;
    }

    /// <summary>Namespace and name of the path win; a body that says otherwise is refused.</summary>
    public static void CheckPlace(JsonObject body, Target target)
    {
        var metadata = body.Child("metadata");
        var ns = metadata.Text("namespace") ?? "";
        if (target.Kind.Namespaced)
        {
            if (ns.Length > 0 && ns != target.Namespace)
            {
                throw ApiException.BadRequest($"the namespace of the provided object does not match the namespace sent on the request");
            }

            metadata["namespace"] = target.Namespace;
        }
        else
        {
            metadata.Remove("namespace");
        }

        var name = metadata.Text("name") ?? "";
        if (target.Name.Length > 0)
        {
            if (name.Length > 0 && name != target.Name)
            {
                throw ApiException.BadRequest($"the name of the object ({name}) does not match the name on the URL ({target.Name})");
            }

            metadata["name"] = target.Name;
        }
    }

    /// <summary>Drops what the kind does not know, by the rules of fieldValidation, and fills in defaults.</summary>
    public static void Shape(JsonObject body, Target target, WriteOptions options)
    {
        var unknown = MetadataRules.Prune(body).ToList();
        unknown.AddRange(SchemaShaping.Prune(body, target.Version.Schema));
        if (!target.Kind.IsCustom)
        {
            DropNulls(body);
        }

        if (unknown.Count > 0 && options.Validation == FieldValidation.Strict)
        {
            throw StrictError(target, unknown.Select(f => $"unknown field \"{f}\""));
        }

        if (options.Validation == FieldValidation.Warn)
        {
            options.Warnings.AddRange(unknown.Select(f => $"unknown field \"{f}\""));
        }

        SchemaShaping.Default(body, target.Version.Schema);
    }

    /// <summary>The error of strict decoding.</summary>
    public static ApiException StrictError(Target target, IEnumerable<string> problems) => ApiException.BadRequest(
        $"{target.Kind.Kind} in version \"{target.Version.Name}\" cannot be handled as a {target.Kind.Kind}: strict decoding error: {string.Join(", ", problems)}");

    /// <summary>Everything that must hold before an object is stored.</summary>
    public static void Validate(JsonObject value, JsonObject? old, Target target)
    {
        var violations = new Violations();
        MetadataRules.Validate(value, target.Kind, violations);
        if (old is not null)
        {
            MetadataRules.ValidateUpdate(value, old, violations);
        }

        SchemaValidation.Validate(value, target.Version.Schema, violations);
        if (violations.Causes.Count == 0)
        {
            // Rules and CEL read fields: they need a value of the right types.
            target.Kind.Rules.Validate(value, old, violations);
            CelRule.CheckAll(value, old, target.Version.Schema, "", violations);
        }

        violations.ThrowIfAny(target.Kind.Group, target.Kind.Kind, value.Text("metadata", "name") ?? "");
    }

    /// <summary>Removes null members: in a typed structure they are absent members.</summary>
    public static void DropNulls(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject o:
                foreach (var name in o.Where(p => p.Value is null).Select(p => p.Key).ToList())
                {
                    o.Remove(name);
                }

                foreach (var (_, member) in o)
                {
                    DropNulls(member);
                }

                break;
            case JsonArray a:
                foreach (var item in a)
                {
                    DropNulls(item);
                }

                break;
        }
    }
}
