//! Pinned tool definitions: a row a tool, replaced by connector.

use async_trait::async_trait;
use placet_domain::{ConnectorName, ToolDefinition, ToolName};
use placet_engine::ports::{PinnedTool, Pins, StoreError};

use super::{
    database::{Database, failed},
    document,
    row::{UnreadableRow, noun},
};

#[derive(Debug)]
pub(super) struct SqlitePins {
    database: Database,
}

impl SqlitePins {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Pins for SqlitePins {
    async fn pinned(&self, connector: &ConnectorName) -> Result<Vec<PinnedTool>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT name, accepted, seen FROM pinned_tools WHERE connector = ? ORDER BY place",
        )
        .bind(connector.as_str())
        .fetch_all(self.database.readers())
        .await
        .map_err(failed(READ))?;
        rows.into_iter().map(PinnedTool::try_from).collect::<Result<_, _>>().map_err(failed(READ))
    }

    async fn pin(&self, connector: &ConnectorName, tools: Vec<PinnedTool>) -> Result<(), StoreError> {
        self.replace(connector, tools).await.map_err(failed("pin tools"))
    }
}

impl SqlitePins {
    async fn replace(&self, connector: &ConnectorName, tools: Vec<PinnedTool>) -> sqlx::Result<()> {
        let mut writer = self.database.writer().await?;
        let mut transaction = sqlx::Connection::begin_with(&mut *writer, "BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM pinned_tools WHERE connector = ?")
            .bind(connector.as_str())
            .execute(&mut *transaction)
            .await?;
        for (place, tool) in (0_i64..).zip(&tools) {
            // A tool without a definition has no name, and the table refuses it. So it does a name given twice.
            let text = |definition: &ToolDefinition| document::text(&definition.definition);
            sqlx::query(
                "INSERT INTO pinned_tools (connector, name, place, accepted, seen) VALUES (?, ?, ?, ?, ?)",
            )
            .bind(connector.as_str())
            .bind(tool.name().map(ToolName::as_str))
            .bind(place)
            .bind(tool.accepted.as_ref().map(text))
            .bind(tool.seen.as_ref().map(text))
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    accepted: Option<String>,
    seen: Option<String>,
}

impl TryFrom<Row> for PinnedTool {
    type Error = UnreadableRow;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let name: ToolName = noun("name", &row.name)?;
        let definition = |column, text: Option<String>| {
            text.map(|text| {
                document::read(&text)
                    .map(|definition| ToolDefinition { name: name.clone(), definition })
                    .map_err(|cause| UnreadableRow::new(column, cause))
            })
            .transpose()
        };
        Ok(Self { accepted: definition("accepted", row.accepted)?, seen: definition("seen", row.seen)? })
    }
}

const READ: &str = "read pinned tools";
