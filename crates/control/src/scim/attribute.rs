//! The attributes that are kept of people and groups: one table, from which bodies are read, paths and filters are
//! resolved, and `/Schemas` is written. What an identity provider sends besides is taken and not kept.

/// A kind of resource.
#[derive(Debug)]
pub(super) struct Kind {
    /// `User`, `Group`.
    pub(super) name: &'static str,
    /// The word for one of them.
    pub(super) noun: &'static str,
    /// Where its resources are, below the base.
    pub(super) endpoint: &'static str,
    pub(super) schema: &'static str,
    pub(super) about: &'static str,
    pub(super) attributes: &'static [Attribute],
}

/// An attribute (RFC 7643 section 2).
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) many: bool,
    pub(super) required: bool,
    pub(super) mutability: Mutability,
    /// Whether capitals count when it is compared.
    pub(super) exact: bool,
    pub(super) unique: bool,
    /// Whether it stands in `/Schemas`; common attributes do not (RFC 7643 section 3.1).
    pub(super) listed: bool,
    pub(super) about: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Complex(&'static [Attribute]),
    Reference(&'static [&'static str]),
    Text,
    Truth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutability {
    Immutable,
    ReadOnly,
    ReadWrite,
}

impl Kind {
    /// The attribute of this name, in any capitals.
    pub(super) fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        find(self.attributes, name)
    }
}

impl Attribute {
    /// The part of this name, in any capitals.
    pub(super) fn part(&self, name: &str) -> Option<&'static Attribute> {
        find(self.parts(), name)
    }

    pub(super) fn parts(&self) -> &'static [Attribute] {
        match self.shape {
            Shape::Complex(parts) => parts,
            Shape::Reference(_) | Shape::Text | Shape::Truth => &[],
        }
    }
}

fn find(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

const fn text(name: &'static str, about: &'static str) -> Attribute {
    Attribute {
        name,
        shape: Shape::Text,
        many: false,
        required: false,
        mutability: Mutability::ReadWrite,
        exact: false,
        unique: false,
        listed: true,
        about,
    }
}

const fn of(shape: Shape, attribute: Attribute) -> Attribute {
    Attribute { shape, ..attribute }
}

const fn many(parts: &'static [Attribute], attribute: Attribute) -> Attribute {
    Attribute { shape: Shape::Complex(parts), many: true, ..attribute }
}

const fn read_only(attribute: Attribute) -> Attribute {
    Attribute { mutability: Mutability::ReadOnly, ..attribute }
}

const fn immutable(attribute: Attribute) -> Attribute {
    Attribute { mutability: Mutability::Immutable, ..attribute }
}

/// A common attribute of every resource.
const fn common(attribute: Attribute) -> Attribute {
    Attribute { listed: false, exact: true, ..attribute }
}

const ID: Attribute = read_only(common(text("id", "Its id here")));
const EXTERNAL_ID: Attribute = common(text("externalId", "Its id at the identity provider"));
const META: Attribute = read_only(common(of(
    Shape::Complex(&[
        text("resourceType", "The kind of resource"),
        text("created", "When it was made"),
        text("lastModified", "When it was changed last"),
        text("location", "Where it is"),
        text("version", "Its version"),
    ]),
    text("meta", "About the resource itself"),
)));

/// People (RFC 7643 section 4.1).
pub(super) const USER: Kind = Kind {
    name: "User",
    noun: "person",
    endpoint: "/Users",
    schema: "urn:ietf:params:scim:schemas:core:2.0:User",
    about: "A person",
    attributes: &[
        ID,
        EXTERNAL_ID,
        META,
        Attribute {
            required: true,
            unique: true,
            ..text("userName", "The name of the person, by which agents name their owner")
        },
        of(
            Shape::Complex(&[
                text("formatted", "The whole name"),
                text("familyName", "The family name"),
                text("givenName", "The given name"),
            ]),
            text("name", "The parts of the name"),
        ),
        text("displayName", "The name to be shown"),
        of(Shape::Truth, text("active", "Whether the person is with the company; whoever is not has left")),
        many(
            &[
                text("value", "The address"),
                text("type", "What it is for, for example `work`"),
                of(Shape::Truth, text("primary", "Whether security events name the person by it")),
            ],
            text("emails", "Addresses"),
        ),
        read_only(many(
            &[
                read_only(Attribute { exact: true, ..text("value", "Id of the group") }),
                read_only(of(Shape::Reference(&["Group"]), text("$ref", "Where the group is"))),
                read_only(text("display", "Name of the group")),
            ],
            text("groups", "Groups the person is in"),
        )),
    ],
};

/// Groups (RFC 7643 section 4.2).
pub(super) const GROUP: Kind = Kind {
    name: "Group",
    noun: "group",
    endpoint: "/Groups",
    schema: "urn:ietf:params:scim:schemas:core:2.0:Group",
    about: "A group of people",
    attributes: &[
        ID,
        EXTERNAL_ID,
        META,
        Attribute {
            required: true,
            unique: true,
            ..text("displayName", "The name of the group, as policies and roles name it")
        },
        many(
            &[
                immutable(Attribute { exact: true, ..text("value", "Id of the person") }),
                immutable(of(Shape::Reference(&["User"]), text("$ref", "Where the person is"))),
            ],
            text("members", "People in the group"),
        ),
    ],
};
